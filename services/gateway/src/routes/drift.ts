// What becomes of a bot that is not as released: what it was found to run becomes desired, or it is put back.
import {
  DriftItem,
  DriftStatus,
  Manifest,
  ObservedConfig,
  ProposeManifest,
  ReadObservedConfig,
  RevertDrift,
} from '@molthub/contracts';
import { HttpProblem } from '@molthub/http';
import { isJsonObject, type JsonObject } from '@molthub/manifest';
import { z } from 'zod';
import { oneRow } from '../read-side.ts';
import { type Call, change, Id, route, type Route } from '../route.ts';
import { answerBot, Bot, ofBot } from './bot-row.ts';
import { Published } from './manifests.ts';
import { expected } from './shapes.ts';

const Reason = z.strictObject({ reason: z.string().max(500).default('') }).default({ reason: '' });

const Newest = z.object({ version: z.int(), manifest: Manifest });

const newest = async (call: Call, botId: string): Promise<z.infer<typeof Newest>> => {
  const rows = await call.world.views(
    `select m.version, m.manifest from config_read.bots b
     join config_read.manifests m on m.bot_id = b.id and m.version = b.manifest_version
     where b.workspace = $1 and b.id = $2`,
    [call.workspace, botId],
  );
  return Newest.parse(oneRow(rows, 'bot instance'));
};

/** Nulls stay: in a bot's own manifest they take away what a layer says. */
export const withPatch = (config: JsonObject, patch: JsonObject): JsonObject => {
  const changed = Object.entries(patch).map(([name, value]) => {
    const before = Object.hasOwn(config, name) ? config[name] : undefined;
    return [name, isJsonObject(value) ? withPatch(isJsonObject(before) ? before : {}, value) : value];
  });
  return { ...config, ...Object.fromEntries(changed) };
};

const changedSince = (released: number, now: number) =>
  new HttpProblem({
    status: 409,
    code: 'gateway.changed-since',
    detail: `The bot differs from version ${released}, and version ${now} was published since; look at its drift again when that is released.`,
  });

const who = { bot: 'the bot itself', external: 'somebody with access to its files', unknown: 'nobody known' } as const;

const because = ({ owner, paths }: ObservedConfig, reason: string): string => {
  const what = `drift of ${paths.slice(0, 5).join(', ')}, made by ${who[owner]}, was accepted`;
  return (reason === '' ? what : `${reason} (${what})`).slice(0, 500);
};

export const driftRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/bot-instances/:id/drift',
    permission: 'bot:read',
    reach: 'subject',
    summary: 'Answers how a bot differs from what was released for it.',
    params: Id,
    subjects: ofBot,
    answer: z.object({ status: DriftStatus, items: z.array(DriftItem) }),
    run: async (call, { params }) => {
      const rows = await call.world.views(
        `select coalesce(r.drift_status, 'UNKNOWN') as status, coalesce(r.drift, '[]') as items
         from config_read.bots b left join reconciler_read.bots r on r.bot_id = b.id where b.workspace = $1 and b.id = $2`,
        [call.workspace, params.id],
      );
      return { status: 200, body: oneRow(rows, 'bot instance') };
    },
  }),
  route({
    method: 'POST',
    path: '/bot-instances/:id/drift/accept',
    permission: 'manifest:propose',
    reach: 'subject',
    summary: 'Publishes what the bot was found to run as a new version of its manifest, once policy has passed it.',
    params: Id,
    subjects: ofBot,
    body: Reason,
    status: 201,
    answer: Published,
    isCommand: true,
    run: async (call, { params, body }) => {
      const found = ObservedConfig.parse(await call.dispatch.ask(call, ReadObservedConfig, { botId: params.id }));
      const { version, manifest } = await newest(call, params.id);
      if (version !== found.version) throw changedSince(found.version, version);
      const config = withPatch(manifest.spec.config, found.patch);
      return call.dispatch.change(call, {
        definition: ProposeManifest,
        data: {
          botId: params.id,
          manifest: { ...manifest, spec: { ...manifest.spec, config } },
          reason: because(found, body.reason),
          origin: 'accept-drift',
          ...expected(call.expectedVersion),
        },
        resourceId: params.id,
        done: async (result) => ({ status: 201, body: Published.parse(result) }),
      });
    },
  }),
  change({
    method: 'POST',
    path: '/bot-instances/:id/drift/revert',
    permission: 'bot:reconcile',
    reach: 'subject',
    summary:
      'Makes a drifted bot as released again, now, whatever its mode, the heal budget or a hold say. The timeline tells how it went.',
    params: Id,
    subjects: ofBot,
    body: Reason,
    answer: Bot,
    command: RevertDrift,
    data: (_, { params, body }) => ({ botId: params.id, reason: body.reason }),
    resourceId: (_, { params }) => params.id,
    done: (call, { params }) => answerBot(call, params.id),
  }),
];
