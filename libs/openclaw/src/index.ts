// The one door of this package: everything Molthub knows about OpenClaw itself.
export { type ApplyOutcome, type ApplyRequest, type ApplyStep, applyConfig } from './apply-config.ts';
export { isHeldElsewhere, lastLogLines, trimLog } from './bot-log.ts';
export {
  type BotExit,
  botProcessesBelow,
  findBotProcess,
  type StartedBot,
  type StartRequest,
  type StopReport,
  startBot,
  stopBot,
} from './bot-process.ts';
export { type ConfigDifference, type ConfigPatch, configPatch, diffConfig } from './config-diff.ts';
export { type ConfigFile, parseConfigFile, readConfigFile, writeConfigFile } from './config-file.ts';
export { type ConfigSchema, cachedConfigSchema, configSchema, readConfigSchema } from './config-schema.ts';
export { type BotDirs, type BotEnvironment, botDirs, botEnvironment, environmentReasons } from './environment.ts';
export { type GatewayClient, type GatewayClosed, type GatewayOptions, connectGateway } from './gateway-client.ts';
export { GatewayError, type GatewayFailure } from './gateway-error.ts';
export type { GatewayEvent, Hello } from './gateway-frames.ts';
export {
  type BotConfig,
  type BotHealth,
  type BotStatus,
  configSchemaWithHints,
  getConfig,
  health,
  type PatchOutcome,
  patchConfig,
  type ReloadKind,
  reloadKind,
  status,
} from './gateway-verbs.ts';
export { type InstallProgress, type InstallRequest, installOpenclaw, type OpenclawInstall } from './install.ts';
export type { JsonObject } from './json-tree.ts';
export type { MachineEnv } from './npm.ts';
export { type OwnedValues, observedConfig, ownedReasons, withOwned } from './owned-config.ts';
export { PORT_DISTANCE, pickPort } from './ports.ts';
export { type ProbeReading, type ProbeRequest, probe } from './probe.ts';
export { identityOf, isAlive, type ProcessIdentity } from './process-identity.ts';
export { type Readiness, type ReadyRequest, waitReady } from './ready.ts';
export { OPENCLAW_REDACTED, REDACTED, redacted, type Sensitive, sensitiveBy, sensitivePaths } from './redaction.ts';
export { replaceFile } from './replace-file.ts';
export type { ConfigProblem } from './schema-problems.ts';
export { validateConfig } from './validate-config.ts';
export { assertPinnedVersion, isPinnedVersion } from './version.ts';
