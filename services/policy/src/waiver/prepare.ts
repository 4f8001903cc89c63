import { Rejected } from '@molthub/decider';
import type { Reads } from '@molthub/event-store';
import type { Prepared } from '@molthub/service';
import { knownIn, packsOf } from '../known-packs.ts';
import { type WaiverCommand, waiverStream } from './decider.ts';

/** Every verdict looks through all that have not ended. */
export const waiversPerWorkspaceMax = 500;

/** A waiver is of a rule that there is and that may be waived; another workspace's does not exist here. */
export const prepareWaiver = async (command: WaiverCommand, reads: Reads): Promise<Prepared<WaiverCommand>> => {
  const { workspace } = command;
  if (command.type === 'policy.waiver.delete.v1') {
    const found = await reads('select 1 from waivers where id = $1 and workspace = $2', [
      command.data.waiverId,
      workspace,
    ]);
    if (found.length === 0) throw new Rejected('policy.waiver-not-found', 'There is no such waiver.');
  }
  if (command.type === 'policy.waiver.create.v1') {
    const { replaces } = command.data;
    if (replaces === undefined) await requireRoom(workspace, reads);
    await requireWaivable(command.data, workspace, reads);
    if (replaces !== undefined) return { command, expects: [await activeOne(replaces, workspace, reads)] };
  }
  return { command };
};

/** The one that is replaced, which must not have ended, nor end before this is done. */
const activeOne = async (id: string, workspace: string, reads: Reads) => {
  const [row] = await reads<{ version: number }>(
    "select version from waivers where id = $1 and workspace = $2 and status = 'ACTIVE'",
    [id, workspace],
  );
  if (row) return { stream: waiverStream(id), version: row.version };
  throw invalid('replaces', 'policy.waiver-not-found', 'There is no such waiver that has not ended.');
};

const requireRoom = async (workspace: string, reads: Reads): Promise<void> => {
  const [row] = await reads<{ active: number }>(
    "select count(*)::int as active from waivers where workspace = $1 and status = 'ACTIVE'",
    [workspace],
  );
  if ((row?.active ?? 0) < waiversPerWorkspaceMax) return;
  const message = `A workspace has at most ${waiversPerWorkspaceMax} waivers that have not ended; delete some first.`;
  throw new Rejected('policy.too-many-waivers', message);
};

type Waived = { readonly packId: string; readonly ruleId: string };

const requireWaivable = async ({ packId, ruleId }: Waived, workspace: string, reads: Reads): Promise<void> => {
  const packs = await packsOf(workspace, reads);
  const pack = packs.find((compiled) => compiled.pack.id === packId)?.pack;
  if (!pack) throw invalid('packId', 'policy.pack-not-found', `There is no such policy pack; ${knownIn(packs)}`);
  const rule = pack.rules.find(({ id }) => id === ruleId);
  if (!rule) {
    const names = pack.rules.map(({ id }) => id).join(', ');
    throw invalid('ruleId', 'policy.rule-not-found', `The pack ${pack.name} has no such rule; it has ${names}.`);
  }
  if (!pack.isEnforced || rule.allowOverride) return;
  const message = `The pack ${pack.name} is enforced, and its rule ${ruleId} allows no exception (allowOverride).`;
  throw new Rejected('policy.waiver-not-allowed', message, [
    { path: 'ruleId', code: 'policy.waiver-not-allowed', message },
  ]);
};

const invalid = (path: string, code: string, message: string) =>
  new Rejected('policy.waiver-invalid', message, [{ path, code, message }]);
