import { TargetKind } from '@molthub/contracts';
import { z } from 'zod';
import { listing } from '../listing.ts';
import { list, route, type Route } from '../route.ts';
import { text, time } from './shapes.ts';

const Target = z.object({
  kind: TargetKind,
  about: z.string(),
  engines: z.array(z.string()),
  fields: z.array(z.object({ name: z.string(), type: z.string(), about: z.string() })),
  /** Whether a reconciler of this installation runs bots of the kind; every one does, these need nothing else. */
  runnable: z.boolean(),
});

const items: readonly z.infer<typeof Target>[] = [
  {
    kind: 'local',
    about: "A process on the reconciler's own machine, with isolated state, configuration and ports.",
    engines: ['openclaw'],
    fields: [],
    runnable: true,
  },
  {
    kind: 'simulated',
    about: 'A rehearsal inside the reconciler; everything it says is marked as simulated.',
    engines: ['simulated'],
    fields: [],
    runnable: true,
  },
];

const Orphan = z.object({
  botInstanceId: z.uuid().describe('The bot whose mark it has, and that there is no more.'),
  target: z.string(),
  node: z.string().nullable(),
  pid: z.int().nullable(),
  detail: z.string().describe('Where it is, and how it was recognised.'),
  since: time,
});

export const targetRoutes: readonly Route[] = [
  list({
    path: '/orphans',
    permission: 'target:read',
    reach: 'workspace',
    summary: "Lists what has Molthub's mark and no bot, newest first. It is told and left alone.",
    item: Orphan,
    listing: listing({
      name: 'orphans',
      columns: `o.bot_id as "botInstanceId", o.target, o.node, o.pid, o.detail, o.since`,
      from: 'reconciler_read.orphans o',
      workspace: 'o.workspace',
      key: { column: 'o.bot_id', type: 'uuid' },
      sorts: { since: { column: 'o.since', type: 'timestamptz' } },
      defaultSort: '-since',
      filters: {
        target: { where: 'o.target = ?', value: text },
        node: { where: 'o.node = ?', value: text },
      },
    }),
  }),
  route({
    method: 'GET',
    path: '/targets',
    permission: 'target:read',
    reach: 'nothing',
    summary: 'Lists the kinds of targets that bots can run on.',
    answer: z.object({ items: z.array(Target) }),
    run: async () => ({ status: 200, body: { items } }),
  }),
];
