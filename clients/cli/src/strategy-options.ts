// In which waves bots are to move, as a file says it or as options do.
import { Strategy } from '@molthub/contracts';
import { findingsBy } from './check-document.ts';
import { CliError, exitCodes, usageError } from './cli-error.ts';
import { pathText } from './issue-words.ts';
import { readYaml } from './read-yaml.ts';
import { sourceFiles } from './source-files.ts';
import { type YamlDocument, YamlError } from './yaml-documents.ts';

export type StrategyOptions = {
  readonly strategy?: string;
  readonly canary?: string;
  readonly steps?: readonly number[];
  readonly rings?: readonly string[];
  readonly ringLabel?: string;
  readonly stratifyBy?: string;
  readonly bake?: number;
  readonly finalBake?: number;
  readonly maxParallel?: number;
  readonly onFailure?: string;
  readonly approvals?: number;
};

const flags = [
  'canary',
  'steps',
  'rings',
  'ringLabel',
  'stratifyBy',
  'bake',
  'finalBake',
  'maxParallel',
  'onFailure',
  'approvals',
] as const;

/** Undefined where nothing was said. */
export const strategyFrom = async (options: StrategyOptions): Promise<Strategy | undefined> => {
  const isFlagged = flags.some((flag) => options[flag] !== undefined);
  if (options.strategy === undefined) return isFlagged ? strategyOf(options) : undefined;
  if (isFlagged) throw usageError('a strategy stands in the file or in options, not in both; leave one of them out');
  return strategyIn(await onlyDocument(options.strategy));
};

/** What the options say together. Throws a CliError that names each field which cannot be so. */
export const strategyOf = (options: Omit<StrategyOptions, 'strategy'>): Strategy => {
  const parsed = Strategy.safeParse({
    ...whoFirst(options),
    bakeSeconds: options.bake,
    finalBakeSeconds: options.finalBake,
    maxParallel: options.maxParallel,
    onFailure: options.onFailure,
    gates: options.approvals === undefined ? undefined : { approval: { count: options.approvals } },
  });
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, code, message }) => ({ path: pathText(path), code, message }));
  throw new CliError('these options make no strategy', { exitCode: exitCodes.usage, problems });
};

const whoFirst = ({ canary, steps, rings, ringLabel, stratifyBy }: StrategyOptions) => {
  const cohort = {
    ...(steps === undefined ? {} : { steps }),
    ...(stratifyBy === undefined ? {} : { stratifyBy }),
  };
  if (rings !== undefined || ringLabel !== undefined) {
    if (canary !== undefined) throw usageError('--canary and --rings are two strategies; use one of them');
    if (rings === undefined || ringLabel === undefined) {
      throw usageError('rings need --rings inner,early,* and --ring-label, the label whose values they are');
    }
    return { kind: 'RINGS', label: ringLabel, rings, ...cohort };
  }
  if (canary !== undefined) return { kind: 'CANARY', canary: canaryOf(canary), ...cohort };
  return { kind: steps === undefined ? 'ALL' : 'PERCENTAGE', ...cohort };
};

/** `1` bot, `5%` of them, or those with a label: `ring=inner`. */
const canaryOf = (text: string) => {
  if (/^\d{1,9}$/.test(text)) return { count: Number(text) };
  if (/^\d{1,9}%$/.test(text)) return { percent: Number(text.slice(0, -1)) };
  const [label = '', ...value] = text.split('=');
  if (label === '' || value.length === 0) throw usageError(`--canary takes 1, 5% or label=value, not '${text}'`);
  return { labels: { [label]: value.join('=') } };
};

const onlyDocument = async (path: string): Promise<YamlDocument> => {
  const { documents, problems } = await readYaml(await sourceFiles([path]));
  const [problem] = problems;
  if (problem !== undefined) throw new YamlError(problem);
  const [document, second] = documents;
  if (document === undefined) throw new CliError(`${path}: there is no strategy in it`);
  if (second !== undefined) throw new CliError(`${path}: holds several documents; a strategy is one`);
  return document;
};

/** A file holds the strategy itself, or a body of `POST /change-sets`, of which only the strategy is taken. */
const strategyIn = (document: YamlDocument): Strategy => {
  const { file, value, lineOf } = document;
  const body = typeof value === 'object' && value !== null && 'strategy' in value ? value : undefined;
  const place = body === undefined ? [] : ['strategy'];
  const strategy = {
    ...document,
    value: body === undefined ? value : body.strategy,
    lineOf: (path: readonly PropertyKey[]) => lineOf([...place, ...path]),
  };
  const findings = findingsBy(Strategy, strategy);
  if (findings.length === 0) return Strategy.parse(strategy.value);
  throw new CliError(`${file}: is no strategy`, {
    problems: findings.map(({ path, line, message }) => ({
      path,
      code: 'strategy',
      message: `${message} (line ${line})`,
    })),
  });
};
