// Reads what the decisions about bots rest on, out of config's own tables.
import type {
  AskAgain,
  CommandOf,
  ConcludeManifest,
  CreateBot,
  Environment,
  FleetStatus,
  Manifest,
  ProposeManifest,
  Release,
  ResolveAgain,
  RetireBot,
  RollBackManifest,
} from '@molthub/contracts';
import { Rejected, unreachable } from '@molthub/decider';
import type { Reads } from '@molthub/event-store';
import type { Expectation, Prepared } from '@molthub/service';
import { layersStream } from '../layers/layer-change.ts';
import { layersAt, layersKeyOf, type Layers, noLayers } from '../layers/known-layers.ts';
import { layeredHash } from '../layers/layered.ts';
import { checkManifest, type ValidateEngineConfig } from './check-manifest.ts';
import type { BotCommand, EarlierVersion, FleetFacts, Newest, Resolution } from './prepared.ts';

type Unprepared =
  | CommandOf<typeof CreateBot>
  | CommandOf<typeof ProposeManifest>
  | CommandOf<typeof RollBackManifest>
  | CommandOf<typeof ResolveAgain>
  | CommandOf<typeof AskAgain>
  | CommandOf<typeof ConcludeManifest>
  | CommandOf<typeof RetireBot>;

/** The decision holds only while the fleet is what was read: `expects` makes the commit check it. */
export const prepareBot =
  (validateEngineConfig: ValidateEngineConfig) =>
  async (command: Unprepared, reads: Reads): Promise<Prepared<BotCommand>> => {
    const { workspace } = command;
    const check = (manifest: Manifest, found: Found, botId: string, isPublished = false) =>
      checkIn(found, manifest, { workspace, botId }, validateEngineConfig, isPublished);
    switch (command.type) {
      case 'config.bot.create.v1': {
        const found = await fleetById(reads, workspace, command.data.fleetId);
        const resolution = await check(command.data.manifest, found, command.data.botId);
        return { command: { ...command, fleet: found.fleet, resolution }, expects: found.expects };
      }
      case 'config.manifest.propose.v1': {
        const found = await fleetOfBot(reads, workspace, command.data.botId);
        const resolution = await check(command.data.manifest, found, command.data.botId);
        return { command: { ...command, fleet: found.fleet, resolution }, expects: found.expects };
      }
      case 'config.manifest.roll-back.v1': {
        const { botId, toVersion } = command.data;
        const { fleet, expects, layers, manifestVersion } = await fleetOfBot(reads, workspace, botId);
        const earlier = await earlierVersion(reads, botId, toVersion);
        const bot = fleet && { ...placeOf(workspace, fleet), botId, manifestVersion };
        const hash = bot && earlier && layeredHash(earlier.manifest, bot, layers);
        const now = { version: layers.version, hash };
        return { command: { ...command, fleet, earlier, layers: now }, expects };
      }
      case 'config.manifest.resolve-again.v1': {
        const { botId } = command.data;
        const found = await fleetOfBot(reads, workspace, botId);
        const newest = await newestVersion(reads, botId);
        const resolution = newest && (await check(newest.manifest, found, botId, true));
        return { command: { ...command, fleet: found.fleet, newest, resolution }, expects: found.expects };
      }
      case 'config.verdict.ask-again.v1':
        return { command };
      case 'config.manifest.conclude.v1': {
        const { fleet, expects, layers } = await fleetOfBot(reads, workspace, command.data.botId);
        // Layers that change at the same moment either are seen here, or find the bot as it is published.
        const unchanged = { stream: layersStream(workspace), version: layers.version };
        return { command: { ...command, fleet, layers }, expects: [...expects, unchanged] };
      }
      case 'config.bot.retire.v1':
        await requireBot(reads, workspace, command.data.botId);
        return { command };
      default:
        return unreachable(command);
    }
  };

type Bot = { readonly workspace: string; readonly botId: string };

/** A manifest as a proposal of the bot would be checked; null where there is no such bot. */
export const checkOfBot = async (
  manifest: Manifest,
  bot: Bot,
  reads: Reads,
  validateEngineConfig: ValidateEngineConfig,
): Promise<Resolution | null> =>
  checkIn(await fleetOfBot(reads, bot.workspace, bot.botId), manifest, bot, validateEngineConfig);

const checkIn = async (
  { fleet, layers, manifestVersion: now }: Found,
  manifest: Manifest,
  { workspace, botId }: Bot,
  validateEngineConfig: ValidateEngineConfig,
  isPublished = false,
): Promise<Resolution | null> => {
  const on = { botId, layers, manifestVersion: now + 1, isPublished };
  return fleet && checkManifest(manifest, placeOf(workspace, fleet), validateEngineConfig, on);
};

const placeOf = (workspace: string, { fleetId, name: fleetName, environment }: FleetFacts) => ({
  workspace,
  fleetId,
  fleetName,
  environment,
});

type Found = {
  readonly fleet: FleetFacts | null;
  readonly layers: Layers;
  /** The bot's newest version; 0 where it has none. */
  readonly manifestVersion: number;
  readonly expects: readonly Expectation[];
};
type FleetRow = {
  readonly id: string;
  readonly name: string;
  readonly environment: Environment;
  readonly status: FleetStatus;
  readonly release: Release;
  readonly enforcedPolicyPackIds: readonly string[];
  readonly version: number;
  readonly layersKey: string | null;
  readonly manifestVersion: number | null;
};

const fleetColumns = `f.id, f.name, f.environment, f.status, f.release, f.version,
  f.enforced_policy_pack_ids as "enforcedPolicyPackIds", ${layersKeyOf('f.workspace')} as "layersKey"`;

const fleetById = async (reads: Reads, workspace: string, fleetId: string): Promise<Found> => {
  const [row] = await reads<FleetRow>(
    `select ${fleetColumns}, null as "manifestVersion" from fleets f where f.id = $1 and f.workspace = $2`,
    [fleetId, workspace],
  );
  return foundIn(row, workspace, reads);
};

/** A bot has its name from its first proposal on, before it exists. Another workspace's bot does not exist here. */
const fleetOfBot = async (reads: Reads, workspace: string, botId: string): Promise<Found> => {
  const [row] = await reads<FleetRow>(
    `select ${fleetColumns}, b.manifest_version as "manifestVersion"
     from bot_names n join fleets f on f.id = n.fleet_id left join bots b on b.id = n.bot_id
     where n.bot_id = $1 and n.workspace = $2`,
    [botId, workspace],
  );
  return foundIn(row, workspace, reads);
};

const requireBot = async (reads: Reads, workspace: string, botId: string): Promise<void> => {
  const { fleet } = await fleetOfBot(reads, workspace, botId);
  if (fleet === null) throw new Rejected('config.bot-not-found', 'There is no such bot.');
};

const foundIn = async (row: FleetRow | undefined, workspace: string, reads: Reads): Promise<Found> => {
  if (!row) return { fleet: null, layers: noLayers, manifestVersion: 0, expects: [] };
  const { id, version, layersKey, manifestVersion, ...facts } = row;
  const fleet = { ...facts, fleetId: id };
  const layers = await layersAt(workspace, layersKey, reads);
  return { fleet, layers, manifestVersion: manifestVersion ?? 0, expects: [{ stream: `fleet-${id}`, version }] };
};

/** The version asked for, or the one before the current. */
const earlierVersion = async (
  reads: Reads,
  botId: string,
  toVersion: number | undefined,
): Promise<EarlierVersion | null> => {
  const [row] = await reads<EarlierVersion>(
    `select m.version, m.manifest, m.resolved, m.hash, l.layers
     from manifests m left join manifest_layers l on l.bot_id = m.bot_id and l.version = m.version
     where m.bot_id = $1 and m.version = coalesce($2::int, (select manifest_version - 1 from bots where id = $1))`,
    [botId, toVersion ?? null],
  );
  return row ?? null;
};

const newestVersion = async (reads: Reads, botId: string): Promise<Newest | null> => {
  const [row] = await reads<Newest>(
    `select m.version, m.manifest from bots b join manifests m on m.bot_id = b.id and m.version = b.manifest_version
     where b.id = $1`,
    [botId],
  );
  return row ?? null;
};
