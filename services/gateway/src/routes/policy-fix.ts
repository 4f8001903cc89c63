// What a pack suggests, as a new manifest version: read, patched by policy, and proposed like any other change.
import { Environment, Manifest, PackId, ProposeManifest, SuggestedFix, SuggestFix } from '@molthub/contracts';
import { z } from 'zod';
import { oneRow } from '../read-side.ts';
import { type Call, route, type Route } from '../route.ts';
import { Published } from './manifests.ts';

const Row = z.object({
  fleetId: z.uuid(),
  environment: Environment,
  version: z.int(),
  manifest: Manifest,
  resolved: Manifest,
});

/** The bot's newest version, together with the version of the bot that it was read at. */
const current = async (call: Call, botId: string) =>
  Row.parse(
    oneRow(
      await call.world.views(
        `select b.fleet_id as "fleetId", b.environment, b.version, m.manifest, m.resolved from config_read.bots b
         join config_read.manifests m on m.bot_id = b.id and m.version = b.manifest_version
         where b.workspace = $1 and b.id = $2`,
        [call.workspace, botId],
      ),
      'bot instance',
    ),
  );

const Answer = z.object({
  ...SuggestedFix.omit({ manifest: true }).shape,
  published: Published.nullable().describe('Null where dryRun was asked for.'),
});

export const policyFixRoute: Route = route({
  method: 'POST',
  path: '/policy-packs/:id/fix',
  permission: 'manifest:propose',
  reach: 'subject',
  summary: 'Proposes a new manifest version of a bot with what the pack suggests; with dryRun, only answers the patch.',
  params: z.strictObject({ id: PackId }),
  body: z.strictObject({
    botInstanceId: z.uuid(),
    dryRun: z.boolean().default(false),
    reason: z.string().max(500).default(''),
  }),
  subjects: ({ body }) => [{ kind: 'bot', id: body.botInstanceId }],
  status: 201,
  answer: Answer,
  isCommand: true,
  run: async (call, { params, body }) => {
    const botId = body.botInstanceId;
    const { version, ...bot } = await current(call, botId);
    const asked = await call.dispatch.ask(call, SuggestFix, { packId: params.id, botId, ...bot });
    const { manifest, ...suggested } = SuggestedFix.parse(asked);
    if (body.dryRun) return { status: 200, body: { ...suggested, published: null } };
    return call.dispatch.change(call, {
      definition: ProposeManifest,
      data: {
        botId,
        manifest,
        reason: body.reason || `what the policy pack ${params.id} suggests`,
        // The patch is of the version that was read; a change in between is refused and not undone.
        expectedVersion: call.expectedVersion ?? version,
      },
      resourceId: botId,
      done: async (result) => ({ status: 201, body: { ...suggested, published: Published.parse(result) } }),
    });
  },
});
