// Every event, command and read model by name: the only list.
import * as audit from './audit.ts';
import * as clearance from './clearance.ts';
import * as config from './config.ts';
import * as course from './course.ts';
import * as finding from './finding.ts';
import * as fleetTelemetry from './fleet-telemetry.ts';
import * as gateway from './gateway.ts';
import * as healing from './healing.ts';
import * as health from './health.ts';
import * as layerChanges from './layer-changes.ts';
import * as layers from './layers.ts';
import { definitionsOf, services } from './message.ts';
import {
  dropParked,
  messageParked,
  cancelRebuild,
  operationPerformed,
  parkedView,
  projectionsView,
  readersView,
  rebuildProjection,
  republishBus,
  retryParked,
} from './operations.ts';
import * as orphan from './orphan.ts';
import * as policy from './policy.ts';
import * as price from './price.ts';
import * as reconciler from './reconciler.ts';
import * as rollout from './rollout.ts';
import * as runaway from './runaway.ts';
import * as manualTrace from './manual-trace.ts';
import * as trace from './trace.ts';
import * as waiver from './waiver.ts';

const modules = [
  config,
  layers,
  layerChanges,
  policy,
  waiver,
  rollout,
  clearance,
  course,
  reconciler,
  healing,
  orphan,
  health,
  finding,
  manualTrace,
  trace,
  price,
  runaway,
  fleetTelemetry,
  audit,
  gateway,
].map(definitionsOf);

export const events = [
  ...modules.flatMap((m) => m.events),
  ...services.flatMap((s) => [messageParked(s), operationPerformed(s)]),
];
export const commands = [
  ...modules.flatMap((m) => m.commands),
  ...services.flatMap((s) => [retryParked(s), dropParked(s), rebuildProjection(s), cancelRebuild(s), republishBus(s)]),
];
export const readModels = [
  ...modules.flatMap((m) => m.readModels),
  ...services.flatMap((s) => [parkedView(s), projectionsView(s), readersView(s)]),
];

const eventByType = new Map(events.map((event) => [event.type, event]));
const commandByType = new Map(commands.map((command) => [command.type, command]));

/** The definition of an event type, or undefined: then the reader parks it, it never guesses. */
export const eventDefinition = (type: string) => eventByType.get(type);
export const commandDefinition = (type: string) => commandByType.get(type);
