// A bot: found by its fleet and its name, compared and changed by its manifest.
import { EntityName, Manifest } from '@molthub/contracts';
import { z } from 'zod';
import { Bot, Fleet, Published, StoredManifest } from '../answers.ts';
import { CliError, reworded } from '../cli-error.ts';
import { concurrently } from '../concurrently.ts';
import { differences } from '../differences.ts';
import type { Current, DocumentKind, Server } from '../document-kind.ts';
import { timelineOf } from '../follow.ts';
import { ownerLabel } from '../ownership.ts';

/** A manifest that says which fleet its bot lives in. */
export const BotDocument = Manifest.extend({ metadata: Manifest.shape.metadata.extend({ fleet: EntityName }) });
type BotDocument = z.infer<typeof BotDocument>;

const path = '/bot-instances';
const readsAtOnce = 8;
const FoundBot = Bot.extend({ version: z.int() });
type FoundBot = z.infer<typeof FoundBot>;
const ListedBot = FoundBot.extend({ fleetName: z.string(), labels: z.record(z.string(), z.string()) });

export const botKind: DocumentKind = {
  kind: 'MoltbotInstance',
  noun: 'bot',
  path,
  schema: BotDocument,
  labelsAt: ['metadata', 'labels'],
  isWhole: true,
  comparable: (document) => comparable(BotDocument.parse(document)),
  isLeaf: true,
  titleOf: (document) => titleOf(BotDocument.parse(document)),
  referencesOf: (document) => {
    const { metadata, spec } = BotDocument.parse(document);
    const fleet = { kind: 'Fleet', name: metadata.fleet, path: ['metadata', 'fleet'] };
    if (spec.template === undefined) return [fleet];
    return [fleet, { kind: 'Template', name: spec.template.name, path: ['spec', 'template', 'name'] }];
  },
  remarksOn: (document) => {
    const { engine, version } = BotDocument.parse(document).spec.runtime;
    if (engine === 'simulated' || version !== undefined) return [];
    const message = 'no version; pin one exact version such as 2026.9.6, else it would be whatever is newest';
    return [{ severity: 'error', path: ['spec', 'runtime'], message }];
  },
  find: async (server, document) => {
    const { metadata } = BotDocument.parse(document);
    const fleet = await server.thing('Fleet', metadata.fleet);
    if (fleet === undefined) return undefined;
    const [bot] = await server.client.all(FoundBot, path, { name: metadata.name, fleetId: fleet.id }, 1);
    return bot === undefined ? undefined : currentOf(server, bot, metadata.fleet);
  },
  all: async (server, { owner, id } = {}) => {
    const bots =
      id === undefined
        ? await server.client.all(ListedBot, path)
        : [await server.client.get(ListedBot, `${path}/${id}`)];
    const wanted = bots.filter((bot) => owner === undefined || bot.labels[ownerLabel] === owner);
    return concurrently(wanted, readsAtOnce, (bot) => currentOf(server, bot, bot.fleetName));
  },
  create: async (server, document) => {
    const manifest = BotDocument.parse(document);
    const fleet = Fleet.optional().parse(await server.thing('Fleet', manifest.metadata.fleet));
    if (fleet === undefined) throw new CliError(`the fleet '${manifest.metadata.fleet}' is gone`);
    const bot = await server.client.post(Bot, path, { fleetId: fleet.id, manifest }, (id) => `${path}/${id}`);
    const released = fleet.release?.mode !== 'manual';
    return { id: bot.id, title: titleOf(manifest), released, timeline: timelineOf(server.client, bot.id) };
  },
  change: async (server, document, current, reason) => {
    const manifest = BotDocument.parse(document);
    const { id } = current;
    const timeline = timelineOf(server.client, id);
    await timeline.next();
    const { changeSetId } = await propose(server, current, { manifest, reason });
    return { id, title: titleOf(manifest), released: typeof changeSetId === 'string', timeline };
  },
  heldBy: async ({ client }, document, { id }) => {
    const versions = await client.all(Version, `${path}/${id}/manifests`, {}, versionsMax);
    // What a change of a layer published takes nothing back of what people decided before it.
    const [newest, ...older] = versions.filter(({ origin }) => origin !== 'layers');
    if (newest?.origin !== 'rollback') return undefined;
    const undone = older.find(({ origin }) => origin !== 'rollback');
    if (undone === undefined) return undefined;
    const wanted = comparable(BotDocument.parse(document));
    const { fleet } = wanted.metadata;
    const before = comparable({ ...undone.manifest, metadata: { ...undone.manifest.metadata, fleet } });
    if (differences(before, wanted).length > 0) return undefined;
    const why = newest.reason === '' ? '' : ` (${newest.reason})`;
    return `version ${undone.version} was rolled back${why}; left so until its document changes, or somebody applies it`;
  },
};

/** Each change of a layer makes at most two versions of a bot: that it is to be judged, and that it was. */
const attemptsMax = 10;

/**
 * A rollback between the plan and the change, or anybody's edit, is not written over. What a changed layer published
 * meanwhile says nothing else of the bot than the plan knew.
 */
const propose = async (
  server: Server,
  planned: Current,
  body: { readonly manifest: BotDocument; readonly reason: string },
): Promise<Published> => {
  let { version } = planned;
  for (let count = 1; ; count += 1) {
    try {
      return await server.client.post(Published, `${path}/${planned.id}/manifests`, body, undefined, version);
    } catch (error) {
      if (!(error instanceof CliError) || error.status !== 412) throw error;
      const moved = count < attemptsMax ? await movedByLayers(server, planned) : undefined;
      if (moved !== undefined) version = moved;
      else
        throw reworded(error, 'somebody changed it since the plan was made, and nothing was overwritten; apply again');
    }
  }
};

/** The version of a bot that only layers moved since the plan was made, if that is so. */
const movedByLayers = async ({ client }: Server, { id, manifestVersion }: Current): Promise<number | undefined> => {
  if (manifestVersion === undefined) return undefined;
  const bot = await client.get(FoundBot, `${path}/${id}`);
  const versions = await client.all(Version, `${path}/${id}/manifests`, {}, versionsMax);
  const since = versions.filter(({ version }) => version > manifestVersion);
  const isOwn = since.length === versionsMax || since.some(({ origin }) => origin !== 'layers');
  return isOwn ? undefined : bot.version;
};

const Version = z.looseObject({ version: z.int(), origin: z.string(), reason: z.string(), manifest: Manifest });
/** Nobody rolls back that often in a row; beyond it nothing is held. */
const versionsMax = 100;

const titleOf = ({ metadata }: BotDocument): string => `bot/${metadata.fleet}/${metadata.name}`;

/** Where a bot lives is the server's word, and how it was found. */
const comparable = ({ metadata, ...rest }: BotDocument): BotDocument => {
  const { name, fleet, labels } = metadata;
  return { ...rest, metadata: { name, fleet, ...(labels === undefined ? {} : { labels }) } };
};

const Stored = StoredManifest.extend({ manifest: Manifest });

/** The bot as its newest version says. */
const currentOf = async ({ client }: Server, bot: FoundBot, fleet: string): Promise<Current> => {
  const { manifest } = await client.get(Stored, `${path}/${bot.id}/manifests/${bot.manifestVersion}`);
  const document = comparable({ ...manifest, metadata: { ...manifest.metadata, fleet } });
  const { version, manifestVersion } = bot;
  return { id: bot.id, title: titleOf(document), document, version, manifestVersion };
};
