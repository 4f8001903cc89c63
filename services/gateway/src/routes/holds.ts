import { Actor, HoldKind, LiftHold, PlaceHold } from '@molthub/contracts';
import { z } from 'zod';
import { listing } from '../listing.ts';
import { oneRow } from '../read-side.ts';
import { type Call, change, Id, list, type Route } from '../route.ts';
import { time, uuid } from './shapes.ts';

const Kept = z.object({
  botInstanceId: z.uuid(),
  name: z.string(),
  fleetId: z.uuid(),
  changeSetId: z.uuid().nullable(),
  reason: z.string(),
  placedBy: Actor,
  placedAt: time,
});

const columns = `h.bot_id as "botInstanceId", h.bot_name as name, h.fleet_id as "fleetId",
  h.change_set_id as "changeSetId", h.reason, h.placed_by as "placedBy", h.placed_at as "placedAt"`;

const listed = (kind: HoldKind) =>
  listing({
    name: kind === 'HOLD' ? 'holds' : 'pins',
    columns,
    from: `(select * from rollout_read.holds where kind = '${kind}') h`,
    workspace: 'h.workspace',
    fleet: 'h.fleet_id',
    key: { column: 'h.bot_id', type: 'uuid' },
    sorts: { placedAt: { column: 'h.placed_at', type: 'timestamptz' }, name: { column: 'h.bot_name', type: 'text' } },
    defaultSort: '-placedAt',
    filters: {
      botInstanceId: { where: 'h.bot_id = ?', value: uuid },
      fleetId: { where: 'h.fleet_id = ?', value: uuid },
    },
  });

const ofBot = ({ params }: { readonly params: { readonly id: string } }) => [{ kind: 'bot', id: params.id } as const];

const pinned = async (call: Call, botId: string) => {
  const rows = await call.world.views(
    `select ${columns} from rollout_read.holds h where h.workspace = $1 and h.bot_id = $2 and h.kind = 'PIN'`,
    [call.workspace, botId],
  );
  return { status: 201, body: oneRow(rows, 'pin') };
};

const lifted = (path: string, permission: 'hold:lift' | 'pin:delete', kind: HoldKind, summary: string) =>
  change({
    method: 'DELETE',
    path,
    permission,
    reach: 'subject',
    summary,
    params: Id,
    subjects: ofBot,
    status: 204,
    command: LiftHold,
    data: (_, { params }) => ({ botId: params.id, kind, reason: '' }),
    resourceId: (_, { params }) => params.id,
    done: async () => ({ status: 204 }),
  });

const Pin = z.strictObject({ botInstanceId: z.uuid(), reason: z.string().min(1, 'say why').max(500) });

export const holdRoutes: readonly Route[] = [
  list({
    path: '/holds',
    permission: 'hold:read',
    reach: 'filtered',
    summary: 'Lists bots that were taken back and that automation keeps off, newest first.',
    item: Kept,
    listing: listed('HOLD'),
  }),
  lifted('/holds/:id', 'hold:lift', 'HOLD', 'Lets automation release to this bot again; `id` is that of the bot.'),
  list({
    path: '/pins',
    permission: 'pin:read',
    reach: 'filtered',
    summary: 'Lists bots that stay at what they run, whoever asks, newest first.',
    item: Kept,
    listing: listed('PIN'),
  }),
  change({
    method: 'POST',
    path: '/pins',
    permission: 'pin:create',
    reach: 'subject',
    summary: 'Pins a bot to what it runs: nothing is released to it until the pin is taken out.',
    body: Pin,
    subjects: ({ body }) => [{ kind: 'bot', id: body.botInstanceId }],
    status: 201,
    answer: Kept,
    command: PlaceHold,
    data: (_, { body }) => ({ botId: body.botInstanceId, kind: 'PIN' as const, reason: body.reason }),
    resourceId: (_, { body }) => body.botInstanceId,
    done: (call, { body }) => pinned(call, body.botInstanceId),
  }),
  lifted('/pins/:id', 'pin:delete', 'PIN', 'Takes the pin out of a bot; `id` is that of the bot.'),
];
