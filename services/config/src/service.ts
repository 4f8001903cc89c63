import {
  BotCreated,
  BotRetired,
  ChangeFleetStatus,
  ConcludeManifest,
  CreateBot,
  CreateFleet,
  CreateWorkspace,
  DeleteFleet,
  FleetCreated,
  FleetDeleted,
  FleetStatusChanged,
  FleetUpdated,
  ManifestProposed,
  ManifestPublished,
  ManifestRefused,
  ProposeManifest,
  RenameWorkspace,
  RetireBot,
  RollBackManifest,
  UpdateFleet,
  WorkspaceCreated,
  WorkspaceRenamed,
} from '@molthub/contracts';
import { aggregate, type ServiceDefinition } from '@molthub/service';
import type { ValidateEngineConfig } from './bot/check-manifest.ts';
import { conclude } from './bot/conclude.ts';
import { bots } from './bot/decider.ts';
import { prepareBot } from './bot/prepare.ts';
import { defaultWorkspace } from './default-workspace.ts';
import { fleets } from './fleet/decider.ts';
import { prepareFleet } from './fleet/prepare.ts';
import { configProjection } from './projection.ts';
import { validateManifest } from './queries.ts';
import { reactions } from './reactions.ts';
import { workspaces } from './workspace/decider.ts';
import { prepareWorkspace } from './workspace/prepare.ts';

export { workspaceIdOf } from './default-workspace.ts';
export { type EngineConfigSettings, engineConfigValidator } from './engine-config.ts';

export type ConfigSettings = { readonly validateEngineConfig: ValidateEngineConfig };

export const configService = ({ validateEngineConfig }: ConfigSettings): ServiceDefinition => ({
  name: 'config',
  migrations: [],
  aggregates: [
    aggregate({
      category: 'workspace',
      commands: [CreateWorkspace, RenameWorkspace],
      events: [WorkspaceCreated, WorkspaceRenamed],
      id: (command) => command.data.workspaceId,
      prepare: prepareWorkspace,
      decider: workspaces,
    }),
    aggregate({
      category: 'fleet',
      commands: [CreateFleet, UpdateFleet, ChangeFleetStatus, DeleteFleet],
      events: [FleetCreated, FleetUpdated, FleetStatusChanged, FleetDeleted],
      id: (command) => command.data.fleetId,
      prepare: prepareFleet,
      decider: fleets,
    }),
    aggregate({
      category: 'bot',
      commands: [CreateBot, ProposeManifest, RollBackManifest, ConcludeManifest, RetireBot],
      events: [ManifestProposed, ManifestRefused, BotCreated, ManifestPublished, BotRetired],
      id: (command) => command.data.botId,
      prepare: prepareBot(validateEngineConfig),
      decider: bots,
      conclude,
    }),
  ],
  projections: [configProjection],
  reactions,
  listeners: [],
  queries: [validateManifest(validateEngineConfig)],
  jobs: [defaultWorkspace],
});
