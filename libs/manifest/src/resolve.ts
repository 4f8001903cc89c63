// Manifest → resolved manifest: the last layer, secure defaults. Templates, profiles and overlays come before it.
import type { Environment, Manifest, ResolvedManifest } from '@molthub/contracts';
import { unreachable } from '@molthub/decider';
import { isJsonObject, type JsonObject } from './json.ts';

export type ResolveContext = {
  readonly workspace: string;
  readonly fleetName: string;
  readonly environment: Environment;
};

/**
 * The manifest with everything filled in that is safe and the same each time: equal inputs give an equal result and hash.
 * Nothing here is generated; a bot's token, port, paths and addresses belong to its own target, which sets them. Of the
 * bot's own configuration only keys are filled that every supported OpenClaw version accepts.
 */
export const resolve = (manifest: Manifest, context: ResolveContext): ResolvedManifest => ({
  ...manifest,
  metadata: {
    ...manifest.metadata,
    workspace: context.workspace,
    fleet: context.fleetName,
    environment: context.environment,
    labels: manifest.metadata.labels ?? {},
  },
  spec: {
    ...manifest.spec,
    config: secureConfig(manifest),
    network: manifest.spec.network ?? { inbound: 'NONE', egressPreset: 'RESTRICTED' },
    policies: { forbidPublicAdmin: true, ...manifest.spec.policies },
  },
});

const secureConfig = (manifest: Manifest): Manifest['spec']['config'] => {
  const { config, runtime, observability } = manifest.spec;
  switch (runtime.engine) {
    case 'simulated':
      return config;
    case 'openclaw': {
      // Off, so that a bot does not announce itself to the network it runs in.
      const quiet = withDefault(config, 'discovery', 'mdns', 'mode', 'off');
      if (observability?.logLevel === undefined) return quiet;
      return withDefault(quiet, 'logging', undefined, 'level', observability.logLevel);
    }
    default:
      return unreachable(runtime.engine);
  }
};

type Config = Manifest['spec']['config'];

/** Sets `outer.inner.key` (or `outer.key`) where the user said nothing; what is no object there is left to the schema. */
const withDefault = (config: Config, outer: string, inner: string | undefined, key: string, value: string): Config => {
  const section = sectionOf(config, outer);
  if (section === null) return config;
  if (inner === undefined)
    return Object.hasOwn(section, key) ? config : { ...config, [outer]: { ...section, [key]: value } };
  const part = sectionOf(section, inner);
  if (part === null || Object.hasOwn(part, key)) return config;
  return { ...config, [outer]: { ...section, [inner]: { ...part, [key]: value } } };
};

const sectionOf = (config: Config, name: string): Config | null => {
  if (!Object.hasOwn(config, name)) return {};
  const section = config[name];
  return isConfig(section) ? section : null;
};

const isConfig = (value: unknown): value is Config & JsonObject => isJsonObject(value);
