// Whether what a request touches is there, in the caller's workspace and among its key's fleets.
import { z } from 'zod';
import { authorizeFleet } from './principal.ts';
import { notFound } from './read-side.ts';
import type { Call, Subject } from './route.ts';

const lookups: Readonly<Record<Subject['kind'], { readonly name: string; readonly text: string }>> = {
  fleet: { name: 'fleet', text: 'select id as "fleetId" from config_read.fleets where workspace = $1 and id = $2' },
  bot: {
    name: 'bot instance',
    text: 'select fleet_id as "fleetId" from config_read.bots where workspace = $1 and id = $2',
  },
  'change-set': {
    name: 'change set',
    text: 'select fleet_id as "fleetId" from rollout_read.change_sets where workspace = $1 and id = $2',
  },
  finding: {
    name: 'finding',
    text: 'select fleet_id as "fleetId" from health_read.findings where workspace = $1 and id = $2',
  },
};

const Row = z.object({ fleetId: z.uuid().nullable() });
const announcedMs = 5_000;
const lookEveryMs = 20;

/** Throws 404 for what is not there or another workspace's, 403 for another fleet's than the key is for. */
export const checkSubject = async (call: Call, subject: Subject): Promise<void> => {
  const { name, text } = lookups[subject.kind];
  const find = async () => (await call.world.views(text, [call.workspace, subject.id]))[0];
  const row =
    (await find()) ?? (subject.kind === 'change-set' ? await awaitAnnounced(call, subject.id, find) : undefined);
  if (!row) throw notFound(name);
  authorizeFleet(call.principal, Row.parse(row).fleetId);
};

/** A published version names its change set before rollout has planned it; who asks for it at once waits for it. */
const awaitAnnounced = async <Row>(call: Call, changeSetId: string, find: () => Promise<Row | undefined>) => {
  const announced = await call.world.views(
    'select 1 from config_read.manifests where workspace = $1 and change_set_id = $2 limit 1',
    [call.workspace, changeSetId],
  );
  if (announced.length === 0) return undefined;
  const deadline = Date.now() + announcedMs;
  for (;;) {
    const row = await find();
    if (row || Date.now() > deadline) return row;
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
};
