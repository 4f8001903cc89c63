// Free expressions over the manifest, in CEL: parsed and bounded once, then evaluated within a number of steps.
import { Environment } from '@marcbachmann/cel-js';
import { celFunctions } from './cel-functions.ts';
import { meteredSource } from './cel-source.ts';
import { createMeter, type Meter, tooMuchWork } from './meter.ts';
import { NotJudged, WrongParameter } from './rule-type.ts';

export const expressionLengthMax = 2_000;

/** What an expression may be, so that reading it takes no time to speak of. */
const limits = { maxAstNodes: 300, maxDepth: 32, maxListElements: 64, maxMapEntries: 32, maxCallArguments: 4 };

/** The names that an expression may use, each with its type. */
type Variables = Readonly<Record<string, 'dyn' | 'string'>>;

/** What expressions name: the two halves of the resolved manifest, and the environment that the bot lives in. */
const ofManifests: Variables = { metadata: 'dyn', spec: 'dyn', environment: 'string' };

const withVariables = (environment: Environment, variables: Variables): Environment =>
  Object.entries(variables).reduce((named, [name, type]) => named.registerVariable(name, type), environment);

const environmentForReading = (variables: Variables): Environment =>
  withVariables(new Environment({ limits, homogeneousAggregateLiterals: false }), variables);
const forReadingManifests = environmentForReading(ofManifests);

export type CelExpression = { readonly holdsFor: (values: Readonly<Record<string, unknown>>) => boolean };

/** The expression. Throws `WrongParameter` where it cannot be read, names what is not there, or answers no bool. */
export const celExpression = (source: string): CelExpression => {
  const { type, answerFor } = evaluation(source, ofManifests, forReadingManifests);
  if (type !== 'bool' && type !== 'dyn') {
    throw new WrongParameter('expression', `It must answer true or false; this answers ${type}.`);
  }
  return {
    holdsFor: (values) => {
      const answer = answerFor(values);
      if (typeof answer !== 'boolean') throw new NotJudged('The expression answers neither true nor false');
      return answer;
    },
  };
};

/** What an expression answers, whatever that is, by the type that reading it found; `answerFor` throws `NotJudged`. */
export type CelEvaluation = {
  readonly type: string;
  readonly answerFor: (values: Readonly<Record<string, unknown>>) => unknown;
};

/** An expression over any names, for any answer: rules are of manifests and answer true or false. */
export const evaluation = (
  source: string,
  variables: Variables,
  forReading: Environment = environmentForReading(variables),
): CelEvaluation => {
  if (source.length > expressionLengthMax) {
    throw new WrongParameter('expression', `Write at most ${expressionLengthMax} characters.`);
  }
  const read = parsed(source, forReading);
  const checked = read.check();
  if (!checked.valid) throw new WrongParameter('expression', reasonOf(checked.error));
  let meter: Meter = createMeter();
  const metered = parsed(
    meteredSource(read.ast),
    meteredEnvironment(variables, () => meter),
  );
  const rechecked = metered.check();
  if (!rechecked.valid) throw new WrongParameter('expression', reasonOf(rechecked.error));
  return {
    type: checked.type ?? 'dyn',
    answerFor: (values) => {
      meter = createMeter();
      const answer = answerOf(metered, values);
      // What was answered after the steps were used up is no answer.
      if (!meter.allows(0)) throw tooMuchWork();
      if ('error' in answer) throw new NotJudged(`The expression fails on this manifest: ${reasonOf(answer.error)}`);
      return answer.value;
    },
  };
};

const parsed = (source: string, environment: Environment) => {
  try {
    return environment.parse(source);
  } catch (error) {
    throw new WrongParameter('expression', reasonOf(error));
  }
};

const answerOf = (
  evaluate: (values: Record<string, unknown>) => unknown,
  values: Readonly<Record<string, unknown>>,
): { readonly value: unknown } | { readonly error: unknown } => {
  try {
    return { value: evaluate({ ...values }) };
  } catch (error) {
    return { error };
  }
};

/** The environment in which the rewritten expression runs; its functions spend from the meter of the moment. */
const meteredEnvironment = (variables: Variables, meter: () => Meter): Environment =>
  celFunctions(meter).reduce(
    (environment, [signature, run]) => environment.registerFunction(signature, run, { async: false }),
    withVariables(new Environment({ homogeneousAggregateLiterals: false }), variables),
  );

/** The first line of what the library says; the others draw the place. */
const reasonOf = (error: unknown): string => {
  const [line = ''] = error instanceof Error ? error.message.split('\n') : [];
  return `${line.slice(0, 200) || 'it cannot be read'}.`.replace(/\.\.$/, '.');
};
