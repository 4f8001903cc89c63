import type { PolicyRule } from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import type { Reads } from '@molthub/event-store';
import type { Prepared } from '@molthub/service';
import { builtinPacks } from '../builtin-packs.ts';
import { gently } from '../gently.ts';
import { problemsOf } from '../pack.ts';
import type { PackCommand } from './decider.ts';

/** Every proposal is judged by all of them, and a list shows them whole. */
export const packsPerWorkspaceMax = 50;
export const rulesBytesMax = 128 * 1024;
/** Of all packs of a workspace: what a verdict may take at most follows from it. */
export const rulesPerWorkspaceMax = 500;

/**
 * Checks every rule before anything is saved: what a pack says is applied, or the pack is refused. Another workspace's
 * pack does not exist here; a pack never changes its workspace, so reading it early is safe.
 */
export const preparePack = async (command: PackCommand, reads: Reads): Promise<Prepared<PackCommand>> => {
  if (command.type !== 'policy.pack.create.v1') await requirePack(command.data.packId, command.workspace, reads);
  if (command.type === 'policy.pack.delete.v1') await requireUnenforced(command.data.packId, command.workspace, reads);
  else {
    const { packId, rules = [] } = command.data;
    await requireRoom({ packId, rules, workspace: command.workspace }, reads);
    await requireJudgeable(rules);
  }
  return { command };
};

const problemsMax = 100;

/** Throws `Rejected` with everything that is wrong with these rules. */
export const requireJudgeable = async (rules: readonly PolicyRule[]): Promise<void> => {
  requireSize(rules);
  const problems = await gently(problemsOf(rules));
  if (problems.length === 0) return;
  const message = 'Some rules of this pack cannot be judged; correct what is named in errors.';
  throw new Rejected('policy.pack-invalid', message, problems.slice(0, problemsMax));
};

const requireSize = (rules: readonly PolicyRule[]): void => {
  if (Buffer.byteLength(JSON.stringify(rules)) <= rulesBytesMax) return;
  const message = `The rules of a pack have at most ${rulesBytesMax / 1024} KiB; make two packs of it.`;
  throw new Rejected('policy.pack-too-large', message);
};

type Saved = { readonly packId: string; readonly rules: readonly PolicyRule[]; readonly workspace: string };

const requireRoom = async ({ packId, rules, workspace }: Saved, reads: Reads): Promise<void> => {
  const [others] = await reads<{ packs: number; rules: number }>(
    `select count(*)::int as packs, coalesce(sum(jsonb_array_length(rules)), 0)::int as rules
     from packs where workspace = $1 and id::text <> $2`,
    [workspace, packId],
  );
  if ((others?.packs ?? 0) >= packsPerWorkspaceMax) {
    const message = `A workspace has at most ${packsPerWorkspaceMax} policy packs; put rules together, or delete one.`;
    throw new Rejected('policy.too-many-packs', message);
  }
  if ((others?.rules ?? 0) + rules.length > rulesPerWorkspaceMax) {
    const message = `The packs of a workspace have at most ${rulesPerWorkspaceMax} rules together; delete some first.`;
    throw new Rejected('policy.too-many-rules', message);
  }
};

/** A fleet that came to enforce it a moment ago is not seen here; its bots are refused then, until it is put right. */
const requireUnenforced = async (packId: string, workspace: string, reads: Reads): Promise<void> => {
  const rows = await reads<{ name: string }>(
    'select name from fleets where workspace = $1 and enforced ? $2 order by name limit 20',
    [workspace, packId],
  );
  if (rows.length === 0) return;
  const names = rows.map(({ name }) => name).join(', ');
  const message = `Fleets enforce this pack: ${names}; take it out of their enforcedPolicyPackIds first.`;
  throw new Rejected('policy.pack-enforced-by-fleets', message);
};

const requirePack = async (packId: string, workspace: string, reads: Reads): Promise<void> => {
  if (builtinPacks.some(({ id }) => id === packId)) {
    const message = 'This pack comes with Molthub and is the same everywhere; make one of your own beside it.';
    throw new Rejected('policy.pack-builtin', message);
  }
  const found = await reads('select 1 from packs where id = $1 and workspace = $2', [packId, workspace]);
  if (found.length === 0) throw new Rejected('policy.pack-not-found', 'There is no such policy pack.');
};
