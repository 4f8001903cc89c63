// Carries a plan out: kind after kind, so that whatever is referred to is there, and bots several at a time.
import { CliError, reworded } from './cli-error.ts';
import type { Client } from './client.ts';
import { concurrently } from './concurrently.ts';
import type { BotChange, Change, DocumentKind, LayerChange, Server } from './document-kind.ts';
import { documentKinds } from './document-kinds.ts';
import { note } from './output.ts';
import type { Step } from './plan.ts';
import { serverOf } from './server-things.ts';

const writesAtOnce = 8;

export type Applied = {
  readonly changed: readonly BotChange[];
  readonly layers: readonly LayerChange[];
  readonly deleted: readonly string[];
  readonly refused: readonly CliError[];
  /** The titles of those refused only because they are no longer what they were planned from. */
  readonly overtaken: readonly string[];
};

export type ApplyPlanOptions = {
  /** What new versions say they were made for. */
  readonly reason: string;
  /** Nothing is begun after it. */
  readonly stop?: AbortSignal;
};

/**
 * A refused fleet or pack ends the work, since bots come after it; a refused bot does not keep the others from theirs.
 * Nothing is deleted unless everything else was done.
 */
export const applyPlan = async (
  client: Client,
  plan: readonly Step[],
  options: ApplyPlanOptions = { reason: 'apply' },
): Promise<Applied> => {
  const server = serverOf(client);
  const changed: BotChange[] = [];
  const layers: LayerChange[] = [];
  const refused: CliError[] = [];
  const overtaken: string[] = [];
  const created = createdBy(plan);
  const isLate = (step: Step) => 'document' in step && step.kind.isLate?.(step.document, created) === true;
  const unmade = new Set<string>();
  const isVain = (step: Step) => 'document' in step && step.kind.isLate?.(step.document, unmade) === true;
  for (const late of [false, true]) {
    if (late) {
      const vain = plan.filter(isVain).map(({ title }) => title);
      refused.push(
        ...vain.map((title) => new CliError(`${title}: was not sent, since its bot was refused`, { status: 409 })),
      );
    }
    for (const kind of documentKinds) {
      const steps = plan.filter((step) => step.kind === kind && isLate(step) === late && !isVain(step));
      for (const [index, result] of (await applyKind(server, kind, steps, options)).entries()) {
        if (result instanceof CliError) {
          const title = steps[index]?.title ?? '';
          refused.push(result);
          if (created.has(title)) unmade.add(title);
          if (result.status === 412) overtaken.push(title);
        } else if (result !== undefined) {
          if ('timeline' in result) changed.push(result);
          else layers.push(result);
        }
      }
    }
  }
  const deleted: string[] = [];
  if (refused.length > 0) return { changed, layers, deleted, refused, overtaken };
  for (const step of plan) {
    if (step.action !== 'delete' || options.stop?.aborted) continue;
    await named(step.title, unlessGone(client.delete(`${step.kind.path}/${step.current.id}`)));
    deleted.push(step.title);
  }
  return { changed, layers, deleted, refused, overtaken };
};

/** What somebody deleted meanwhile is what it is to be. */
const unlessGone = async (deletion: Promise<void>): Promise<void> => {
  try {
    await deletion;
  } catch (error) {
    if (!(error instanceof CliError) || error.status !== 404) throw error;
  }
};

/** Titles of what the plan makes, which is not there before. */
const createdBy = (plan: readonly Step[]): ReadonlySet<string> =>
  new Set(plan.flatMap(({ action, title }) => (action === 'create' ? [title] : [])));

const applyKind = (server: Server, kind: DocumentKind, steps: readonly Step[], { reason, stop }: ApplyPlanOptions) =>
  concurrently(steps, kind.isLeaf ? writesAtOnce : 1, async (step): Promise<Change | CliError | undefined> => {
    if (stop?.aborted) return undefined;
    try {
      const change = await named(step.title, applyStep(server, step, reason));
      return change;
    } catch (error) {
      if (kind.isLeaf && error instanceof CliError && error.status !== undefined) return error;
      throw error;
    }
  });

const applyStep = async (server: Server, step: Step, reason: string): Promise<Change | undefined> => {
  if (step.action === 'create') return step.kind.create(server, step.document, reason);
  return step.action === 'change' ? step.kind.change(server, step.document, step.current, reason) : undefined;
};

const silenceMs = 3_000;

/** Says which document a refusal is about, and that the work goes on where it takes its time. */
const named = async <T>(title: string, work: Promise<T>): Promise<T> => {
  const telling = setTimeout(
    () => note(`${title}: still being checked; a version of OpenClaw that is new here is installed first`),
    silenceMs,
  );
  try {
    const result = await work;
    return result;
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    throw reworded(error, `${title}: ${error.message}`);
  } finally {
    clearTimeout(telling);
  }
};
