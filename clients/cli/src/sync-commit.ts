// One commit brought to the server: all of it is checked before the first command is sent.
import { z } from 'zod';
import { applyPlan } from './apply-plan.ts';
import { CliError } from './cli-error.ts';
import type { Client } from './client.ts';
import { concurrently } from './concurrently.ts';
import { type Counts, countsOf, type DiffItem, diffText, itemOf } from './diff-items.ts';
import type { BotChange, KnownBot, LayerChange } from './document-kind.ts';
import { isPolicyTest } from './check-document.ts';
import { botKind } from './document-kinds/bot.ts';
import { type Desired, desiredOf } from './desired.ts';
import { type Git, sourcesInCommit } from './git.ts';
import { lint } from './lint.ts';
import type { Step } from './plan.ts';
import { planFor } from './read-plan.ts';
import { readYaml } from './read-yaml.ts';
import { serverOf } from './server-things.ts';
import { problemsWith, type SyncProblem } from './sync-check.ts';
import { type Sent, type Waiting, waitForSent } from './sync-waiting.ts';

export type SyncOptions = {
  /** Below the repository's top; empty for all of it. */
  readonly path: string;
  readonly owner: string;
  readonly prune: boolean;
  readonly waitMs: number;
  readonly stop: AbortSignal;
  readonly tell: (line: string) => void;
};

/**
 * What came of a commit. `broken`: it says something that cannot be, and nothing at all was changed. `refused`: the server
 * refused a part of what was sent. `failed`: the server did not answer, or refused whoever asks; it is tried again.
 * `stopped`: goes on next time.
 */
export const Outcome = z.enum(['applied', 'broken', 'refused', 'failed', 'stopped']);
export type Outcome = z.infer<typeof Outcome>;

export type CommitResult = {
  readonly outcome: Outcome;
  readonly counts: Counts;
  /** Everything but what is unchanged. */
  readonly items: readonly DiffItem[];
  readonly problems: readonly SyncProblem[];
  /** What is applied and has not reached its bots. */
  readonly waiting: readonly Waiting[];
};

export const syncCommit = async (
  client: Client,
  git: Git,
  commit: string,
  options: SyncOptions,
): Promise<CommitResult> => {
  let steps: readonly Step[] = [];
  let isSending = false;
  const result = (
    outcome: Outcome,
    problems: readonly SyncProblem[],
    waiting: readonly Waiting[] = [],
  ): CommitResult => {
    const items = steps.map(itemOf);
    return {
      outcome,
      counts: countsOf(items),
      items: items.filter(({ action }) => action !== 'unchanged'),
      problems,
      waiting,
    };
  };
  try {
    const desired = await desiredInCommit(git, commit, options.path);
    if ('problems' in desired) return result('broken', desired.problems);
    steps = await withHolds(client, await planFor(client, desired.documents, options));
    const problems = await problemsWith(client, steps, desired.documents);
    if (problems.length > 0) return result('broken', problems);
    options.tell(`${commit.slice(0, 12)}\n${diffText(steps.map(itemOf))}`);
    isSending = true;
    const { refused, ...sent } = await applied(client, steps, desired.documents, { commit, ...options }, (held) => {
      steps = steps.map((step) => held.find(({ title }) => title === step.title) ?? step);
    });
    isSending = false;
    if (options.stop.aborted) return result('stopped', []);
    if (refused.length > 0) {
      return result(refused.every(isRefusal) ? 'refused' : 'failed', refused.flatMap(problemsOf));
    }
    return result('applied', [], await waitForSent(client, sent, options));
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    return result(isSending && isRefusal(error) ? 'refused' : 'failed', problemsOf(error));
  }
};

/** How often what somebody else changes all the time is planned again, before the next look at the repository. */
const plansMax = 3;

/** Carries the plan out. A bot that somebody changed meanwhile is planned again: it may have been rolled back. */
const applied = async (
  client: Client,
  plan: readonly Step[],
  desired: readonly Desired[],
  options: SyncOptions & { readonly commit: string },
  tellHeld: (held: readonly Step[]) => void,
): Promise<Sent & { readonly refused: readonly CliError[] }> => {
  const [changed, layers, others]: [BotChange[], LayerChange[], KnownBot[]] = [[], [], unchangedBots(plan)];
  // One that an earlier run sent may still be on its way to its bots, or have failed there.
  const earlier = plan.flatMap((step) =>
    step.action === 'unchanged' && step.current?.layer ? [step.current.layer] : [],
  );
  let steps = plan;
  for (let count = 1; ; count += 1) {
    const done = await applyPlan(client, steps, { reason: `git ${options.commit}`, stop: options.stop });
    changed.push(...done.changed);
    layers.push(...done.layers);
    const isOvertaken = done.overtaken.length > 0 && done.overtaken.length === done.refused.length;
    if (!isOvertaken || count === plansMax) return { changed, layers, others, earlier, refused: done.refused };
    const again = desired.filter(({ title }) => done.overtaken.includes(title));
    const planned = await withHolds(client, await planFor(client, again, { owner: options.owner }));
    others.push(...unchangedBots(planned));
    tellHeld(planned.filter(({ action }) => action === 'held'));
    steps = [...planned, ...plan.filter(({ action }) => action === 'delete')];
  }
};

const unchangedBots = (steps: readonly Step[]): KnownBot[] =>
  steps.flatMap((step) =>
    step.action === 'unchanged' && step.kind === botKind && step.current !== undefined
      ? [{ id: step.current.id, title: step.title }]
      : [],
  );

/** What a server says no to for what a write says: it would say so again. Keys, rights and what is gone may come back. */
const isRefusal = ({ status }: CliError): boolean => status !== undefined && [400, 409, 413, 422].includes(status);

const problemsOf = ({ message, problems }: CliError): SyncProblem[] => [
  { path: '', message },
  ...problems.map(({ path, message: detail }) => ({ path, message: detail })),
];

type InCommit = { readonly documents: readonly Desired[] } | { readonly problems: readonly SyncProblem[] };

/** Every problem of every document, as `lint` finds them. What git or a limit refuses is the commit's fault too. */
const desiredInCommit = async (git: Git, commit: string, path: string): Promise<InCommit> => {
  try {
    const { documents, problems } = await readYaml(await sourcesInCommit(git, commit, path));
    const errors = lint(documents, problems).filter(({ severity }) => severity === 'error');
    if (errors.length > 0) {
      return {
        problems: errors.map(({ file, line, path: field, message }) => ({
          path: `${file}:${line}`,
          ...(field === '' ? { message } : { message: `${field}: ${message}`, field }),
        })),
      };
    }
    const asking = documents.filter((document) => !isPolicyTest(document));
    if (asking.length > 0) return { documents: asking.map(desiredOf) };
    return { problems: [{ path, message: 'there is no document in it; an empty folder is taken for a mistake' }] };
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    return { problems: problemsOf(error) };
  }
};

/** What was given back to an earlier version stays as it is, until its document says something else. */
const withHolds = (client: Client, steps: readonly Step[]): Promise<Step[]> => {
  const server = serverOf(client);
  return concurrently(steps, asksAtOnce, async (step): Promise<Step> => {
    if (step.action !== 'change') return step;
    const reason = await step.kind.heldBy?.(server, step.document, step.current);
    return reason === undefined ? step : { kind: step.kind, title: step.title, action: 'held', reason };
  });
};

const asksAtOnce = 8;
