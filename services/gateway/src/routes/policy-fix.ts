// What a pack suggests, as a new manifest version: read, patched by policy, and proposed like any other change.
import {
  Environment,
  FindByPack,
  Fixed,
  Manifest,
  PackId,
  Problem,
  ProposeManifest,
  ResolvedManifest,
  SuggestedFix,
  SuggestFix,
  ValidateManifest,
  Violation,
} from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
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

const Checked = z.discriminatedUnion('valid', [
  z.object({ valid: z.literal(true), resolved: ResolvedManifest }),
  z.object({ valid: z.literal(false), errors: z.array(Problem) }),
]);
const Found = z.object({ found: z.array(Violation) });

/** What the pack suggests, and what it finds in what the bot would run by it, which its layers have a say in. */
const suggested = async (call: Call, packId: string, botId: string, current: Omit<z.infer<typeof Row>, 'version'>) => {
  const { fleetId, environment } = current;
  const asked = await call.dispatch.ask(call, SuggestFix, { packId, botId, ...current });
  const { manifest, patch, fixed } = SuggestedFix.parse(asked);
  const checked = Checked.parse(
    await call.dispatch.ask(call, ValidateManifest, { manifest: z.json().parse(manifest), botId }),
  );
  if (!checked.valid) {
    const message = 'What this pack suggests cannot be proposed for this bot; correct it by hand, or its layers.';
    throw new Rejected('policy.nothing-to-fix', message, checked.errors);
  }
  const { resolved } = checked;
  const { found: remaining } = Found.parse(
    await call.dispatch.ask(call, FindByPack, { packId, botId, fleetId, environment, resolved }),
  );
  const answered = fixed.filter((one) => !isStillIn(remaining, one));
  if (answered.length === 0) {
    const message =
      'The layers of this bot say the same as what would be changed; correct what is named in errors there.';
    const errors = remaining.map(({ path, ruleId, message: said }) => ({ path, code: ruleId, message: said }));
    throw new Rejected('policy.nothing-to-fix', message, errors.slice(0, 100));
  }
  return { manifest, answer: { patch, fixed: answered, remaining } };
};

/** Items of lists move when others go, so that only what stands in none is the same by its path. */
const isStillIn = (remaining: readonly Violation[], { ruleId, path }: Violation): boolean =>
  !path.includes('[') && remaining.some((left) => left.ruleId === ruleId && left.path === path);

const Answer = z.object({
  ...Fixed.shape,
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
    const { manifest, answer } = await suggested(call, params.id, botId, bot);
    if (body.dryRun) return { status: 200, body: { ...answer, published: null } };
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
      done: async (result) => ({ status: 201, body: { ...answer, published: Published.parse(result) } }),
    });
  },
});
