import {
  AskAgain,
  BotCreated,
  BotRetired,
  ChangeFleetStatus,
  ChooseCohort,
  ConcludeManifest,
  CreateBot,
  CreateFleet,
  CreateOverlay,
  CreateProfile,
  CreateTemplate,
  CreateWorkspace,
  DeleteFleet,
  DeleteOverlay,
  DeleteProfile,
  DeleteTemplate,
  EvaluateLayers,
  FleetCreated,
  FleetDeleted,
  FleetStatusChanged,
  FleetUpdated,
  ManifestProposed,
  ManifestPublished,
  ManifestRefused,
  PassOverlayEdge,
  ProposeManifest,
  RefuseLayers,
  RenameWorkspace,
  ResolveAgain,
  RetireBot,
  RollBackManifest,
  UpdateFleet,
  UpdateOverlay,
  UpdateProfile,
  UpdateTemplate,
  VerdictAsked,
  WorkspaceCreated,
  WorkspaceRenamed,
} from '@molthub/contracts';
import { aggregate, type ServiceDefinition } from '@molthub/service';
import type { ValidateEngineConfig } from './bot/check-manifest.ts';
import { conclude } from './bot/conclude.ts';
import { bots } from './bot/decider.ts';
import { askAgain } from './bot/jobs.ts';
import { prepareBot } from './bot/prepare.ts';
import { defaultWorkspace } from './default-workspace.ts';
import { fleets } from './fleet/decider.ts';
import { prepareFleet } from './fleet/prepare.ts';
import { reachBots } from './layers/jobs.ts';
import { layersProjection } from './layers/projection.ts';
import { dueOf, overlayEvents, overlays } from './overlay/decider.ts';
import { prepareOverlay } from './overlay/prepare.ts';
import { profileEvents, profiles } from './profile/decider.ts';
import { prepareProfile } from './profile/prepare.ts';
import { configProjection } from './projection.ts';
import { queries } from './queries.ts';
import { reactions } from './reactions.ts';
import { resolutionEvents, resolutions } from './resolution/decider.ts';
import { prepareResolution } from './resolution/prepare.ts';
import { templateEvents, templates } from './template/decider.ts';
import { prepareTemplate } from './template/prepare.ts';
import { workspaces } from './workspace/decider.ts';
import { prepareWorkspace } from './workspace/prepare.ts';

export { workspaceIdOf } from './default-workspace.ts';
export { type EngineConfigSettings, engineConfigValidator } from './engine-config.ts';

export type ConfigSettings = {
  readonly validateEngineConfig: ValidateEngineConfig;
  /** How often proposals without a verdict are looked for; default 10 s. */
  readonly askAgainEveryMs?: number;
};

export const configService = ({
  validateEngineConfig,
  askAgainEveryMs = 10_000,
}: ConfigSettings): ServiceDefinition => ({
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
      category: 'template',
      commands: [CreateTemplate, UpdateTemplate, DeleteTemplate],
      events: templateEvents,
      id: (command) => command.data.templateId,
      prepare: prepareTemplate,
      decider: templates,
    }),
    aggregate({
      category: 'profile',
      commands: [CreateProfile, UpdateProfile, DeleteProfile],
      events: profileEvents,
      id: (command) => command.data.profileId,
      prepare: prepareProfile,
      decider: profiles,
    }),
    aggregate({
      category: 'overlay',
      commands: [CreateOverlay, UpdateOverlay, DeleteOverlay, PassOverlayEdge, ChooseCohort],
      events: overlayEvents,
      id: (command) => command.data.overlayId,
      prepare: prepareOverlay,
      decider: overlays,
      due: dueOf,
    }),
    aggregate({
      category: 'resolution',
      commands: [EvaluateLayers, RefuseLayers],
      events: resolutionEvents,
      id: (command) => command.data.changeId,
      prepare: prepareResolution,
      decider: resolutions,
    }),
    aggregate({
      category: 'bot',
      commands: [CreateBot, ProposeManifest, RollBackManifest, ResolveAgain, AskAgain, ConcludeManifest, RetireBot],
      events: [ManifestProposed, VerdictAsked, ManifestRefused, BotCreated, ManifestPublished, BotRetired],
      id: (command) => command.data.botId,
      prepare: prepareBot(validateEngineConfig),
      decider: bots,
      conclude,
    }),
  ],
  projections: [configProjection, layersProjection],
  reactions,
  listeners: [],
  queries: queries(validateEngineConfig),
  jobs: [defaultWorkspace, reachBots(), askAgain(askAgainEveryMs)],
});
