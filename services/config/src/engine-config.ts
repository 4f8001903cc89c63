// Asks the engine of a bot what it thinks of the bot's own configuration.
import type { Problem } from '@molthub/contracts';
import { type ConfigSchema, configSchema, installOpenclaw, ownedReasons, validateConfig } from '@molthub/openclaw';
import type { ValidateEngineConfig } from './bot/check-manifest.ts';

export type EngineConfigSettings = {
  /** Where OpenClaw versions are installed; the reconciler uses the same folder, so that each is fetched once. */
  readonly runtimesDir: string;
  /** Where the schemas that the versions publish are kept. */
  readonly schemasDir: string;
  readonly log: (line: string) => void;
  /** Finds npm and its settings; nothing else of it is used. */
  readonly machineEnv?: Readonly<Record<string, string | undefined>>;
  /** Ends an install under way, so that a stop need not wait for minutes. */
  readonly signal?: AbortSignal;
};

/** Keys that policy judges by value, and that Molthub sets itself where policy took them. */
const judgedByPolicy = new Set(['spec.config.gateway.bind', 'spec.config.gateway.auth.mode']);

/**
 * Judges an OpenClaw configuration by the JSON Schema that its exact version publishes. The first manifest of a version
 * installs that version and asks it, which may take a minute; after that an answer takes milliseconds.
 */
export const engineConfigValidator = (settings: EngineConfigSettings): ValidateEngineConfig => {
  const schemas = new Map<string, Promise<ConfigSchema>>();
  const schemaOf = (version: string): Promise<ConfigSchema> => {
    const known = schemas.get(version);
    if (known) return known;
    const asked = askSchema(version, settings);
    schemas.set(version, asked);
    // A failure is not kept: the next proposal asks again.
    asked.catch(() => schemas.delete(version));
    return asked;
  };
  return async ({ spec }) => {
    const { engine, version } = spec.runtime;
    if (engine !== 'openclaw' || version === undefined) return [];
    const owned = ownedReasons(spec.config).filter(({ path }) => !judgedByPolicy.has(path));
    const found = await validateConfig(await schemaOf(version), spec.config);
    return [
      ...owned.map(({ path, message }): Problem => ({ path, code: 'config.owned-key', message })),
      ...found.map(({ path, message }): Problem => ({ path: configPath(path), code: 'config.engine-config', message })),
    ];
  };
};

const configPath = (path: string): string => (path === '' ? 'spec.config' : `spec.config.${path}`);

const askSchema = async (version: string, settings: EngineConfigSettings): Promise<ConfigSchema> => {
  const { schemasDir, ...from } = settings;
  const install = await installOpenclaw({ version, ...from });
  return configSchema({ install, cacheDir: schemasDir });
};
