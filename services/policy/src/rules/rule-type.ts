// What a rule type is made of: the schema of its parameters, and a judge made from them.
import type { EnforcementPoint, Environment, ResolvedManifest, Violation } from '@molthub/contracts';
import { z } from 'zod';
import type { Waiver } from '../waivers.ts';

/** One thing that a rule found: where, why it is wrong, what stands there, and what to write instead. */
export type Finding = {
  readonly path: string;
  readonly message: string;
  readonly currentValue: unknown;
  readonly suggestedValue: Violation['suggestedValue'];
  /** Default: to write the suggested value, where there is one. An `example` is for people only. */
  readonly suggestion?: 'remove' | 'example';
};

export type EvaluationContext = {
  readonly environment: Environment;
  readonly point: EnforcementPoint;
  /**
   * A way back must stay open: only packs that are enforced deny it. It is released as soon as it is taken, so it is
   * judged as at `apply` as well. Default: false.
   */
  readonly isRollback?: boolean;
  /** Those of this bot, the one that ends last first. Default: none. */
  readonly waivers?: readonly Waiver[];
  /** The packs that the bot's fleet enforces. Default: none. */
  readonly enforcedPackIds?: readonly string[];
};

/** Pure and deterministic: the same manifest gives the same findings. */
export type Judge = (resolved: ResolvedManifest, context: EvaluationContext) => readonly Finding[];

/** A parameter that its schema lets pass and that is wrong all the same, such as a pattern that is none. */
export class WrongParameter extends Error {
  readonly path: string;

  constructor(path: string, message: string) {
    super(message);
    this.name = 'WrongParameter';
    this.path = path;
  }
}

/** A rule has no answer for this manifest, and so refuses; the message is told to the caller and says what to do. */
export class NotJudged extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'NotJudged';
  }
}

export type ParameterProblem = { readonly path: string; readonly message: string };

export type RuleType = {
  readonly type: string;
  readonly about: string;
  /** What `config` of a rule of this type may say. */
  readonly parameters: z.ZodObject;
  readonly judgeFor: (
    config: unknown,
  ) => { readonly judge: Judge } | { readonly problems: readonly ParameterProblem[] };
};

/** Declares a rule type. `judge` gets parameters that fit their schema, and may throw `WrongParameter`. */
export const ruleType = <Parameters extends z.ZodObject>(parts: {
  readonly type: string;
  readonly about: string;
  readonly parameters: Parameters;
  readonly judge: (config: z.infer<Parameters>) => Judge;
}): RuleType => ({
  type: parts.type,
  about: parts.about,
  parameters: parts.parameters,
  judgeFor: (config) => {
    const parsed = parts.parameters.safeParse(config);
    if (!parsed.success) return { problems: parsed.error.issues.flatMap(problemsOf) };
    try {
      return { judge: parts.judge(parsed.data) };
    } catch (error) {
      if (!(error instanceof WrongParameter)) throw error;
      return { problems: [{ path: error.path, message: error.message }] };
    }
  },
});

/** For rule types that take no parameters. */
export const noParameters = z.strictObject({});

const problemsOf = (issue: z.core.$ZodIssue): readonly ParameterProblem[] => {
  const path = issue.path.map(String).join('.');
  if (issue.code !== 'unrecognized_keys') return [{ path, message: `${issue.message}.`.replace(/\.\.$/, '.') }];
  return issue.keys.slice(0, 20).map((key) => ({
    path: [...issue.path.map(String), key].join('.'),
    message: 'This rule type has no such parameter; remove it or correct its name.',
  }));
};
