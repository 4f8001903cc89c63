// Reads what the decisions about bots rest on, out of config's own tables.
import type {
  CommandOf,
  ConcludeManifest,
  CreateBot,
  Environment,
  FleetStatus,
  Manifest,
  ProposeManifest,
  Release,
  ResolvedManifest,
  RetireBot,
  RollBackManifest,
} from '@molthub/contracts';
import { Rejected, unreachable } from '@molthub/decider';
import type { Reads } from '@molthub/event-store';
import type { Expectation, Prepared } from '@molthub/service';
import { checkManifest, type ValidateEngineConfig } from './check-manifest.ts';
import type { BotCommand, EarlierVersion, FleetFacts } from './prepared.ts';

type Unprepared =
  | CommandOf<typeof CreateBot>
  | CommandOf<typeof ProposeManifest>
  | CommandOf<typeof RollBackManifest>
  | CommandOf<typeof ConcludeManifest>
  | CommandOf<typeof RetireBot>;

/** The decision holds only while the fleet is what was read: `expects` makes the commit check it. */
export const prepareBot =
  (validateEngineConfig: ValidateEngineConfig) =>
  async (command: Unprepared, reads: Reads): Promise<Prepared<BotCommand>> => {
    const { workspace } = command;
    const check = (manifest: Manifest, fleet: FleetFacts | null) =>
      fleet &&
      checkManifest(
        manifest,
        { workspace, fleetName: fleet.name, environment: fleet.environment },
        validateEngineConfig,
      );
    switch (command.type) {
      case 'config.bot.create.v1': {
        const { fleet, expects } = await fleetById(reads, workspace, command.data.fleetId);
        return { command: { ...command, fleet, resolution: await check(command.data.manifest, fleet) }, expects };
      }
      case 'config.manifest.propose.v1': {
        const { fleet, expects } = await fleetOfBot(reads, workspace, command.data.botId);
        return { command: { ...command, fleet, resolution: await check(command.data.manifest, fleet) }, expects };
      }
      case 'config.manifest.roll-back.v1': {
        const { botId, toVersion } = command.data;
        const { fleet, expects } = await fleetOfBot(reads, workspace, botId);
        return { command: { ...command, fleet, earlier: await earlierVersion(reads, botId, toVersion) }, expects };
      }
      case 'config.manifest.conclude.v1': {
        const { fleet, expects } = await fleetOfBot(reads, workspace, command.data.botId);
        return { command: { ...command, fleet }, expects };
      }
      case 'config.bot.retire.v1':
        await requireBot(reads, workspace, command.data.botId);
        return { command };
      default:
        return unreachable(command);
    }
  };

type Found = { readonly fleet: FleetFacts | null; readonly expects: readonly Expectation[] };
type FleetRow = {
  readonly id: string;
  readonly name: string;
  readonly environment: Environment;
  readonly status: FleetStatus;
  readonly release: Release;
  readonly version: number;
};

const fleetColumns = 'f.id, f.name, f.environment, f.status, f.release, f.version';

const fleetById = async (reads: Reads, workspace: string, fleetId: string): Promise<Found> => {
  const [row] = await reads<FleetRow>(`select ${fleetColumns} from fleets f where f.id = $1 and f.workspace = $2`, [
    fleetId,
    workspace,
  ]);
  return foundIn(row);
};

/** A bot has its name from its first proposal on, before it exists. Another workspace's bot does not exist here. */
const fleetOfBot = async (reads: Reads, workspace: string, botId: string): Promise<Found> => {
  const [row] = await reads<FleetRow>(
    `select ${fleetColumns} from bot_names n join fleets f on f.id = n.fleet_id
     where n.bot_id = $1 and n.workspace = $2`,
    [botId, workspace],
  );
  return foundIn(row);
};

const requireBot = async (reads: Reads, workspace: string, botId: string): Promise<void> => {
  const { fleet } = await fleetOfBot(reads, workspace, botId);
  if (fleet === null) throw new Rejected('config.bot-not-found', 'There is no such bot.');
};

const foundIn = (row: FleetRow | undefined): Found => {
  if (!row) return { fleet: null, expects: [] };
  const { id, name, environment, status, release, version } = row;
  const fleet = { fleetId: id, name, environment, status, release };
  return { fleet, expects: [{ stream: `fleet-${id}`, version }] };
};

type EarlierRow = {
  readonly version: number;
  readonly manifest: Manifest;
  readonly resolved: ResolvedManifest;
  readonly hash: string;
};

/** The version asked for, or the one before the current. */
const earlierVersion = async (
  reads: Reads,
  botId: string,
  toVersion: number | undefined,
): Promise<EarlierVersion | null> => {
  const [row] = await reads<EarlierRow>(
    `select version, manifest, resolved, hash from manifests where bot_id = $1
     and version = coalesce($2::int, (select manifest_version - 1 from bots where id = $1))`,
    [botId, toVersion ?? null],
  );
  return row ?? null;
};
