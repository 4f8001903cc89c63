// Everything that config itself asks of a manifest; what may run where is policy's to say.
import { type Environment, type Manifest, type Problem, Simulation } from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import { canonicalHash, literalSecrets, resolve, sizeProblems, structureProblems } from '@molthub/manifest';
import { environmentReasons } from '@molthub/openclaw';
import { type Layers, noLayers } from '../layers/known-layers.ts';
import { layered } from '../layers/layered.ts';
import type { Resolution } from './prepared.ts';

/**
 * What is wrong with the bot's own configuration by the engine's schema of that version. May take a minute when a
 * version is asked for the first time. A fault (no network, no disk) is thrown and tried again.
 */
export type ValidateEngineConfig = (resolved: Manifest) => Promise<readonly Problem[]>;

/** Where the manifest is to live. Without a fleet (a dry check) only the environment is compared. */
export type Place = {
  readonly workspace: string;
  readonly fleetId: string | null;
  readonly fleetName: string | null;
  readonly environment: Environment;
};

type On = {
  readonly botId: string | null;
  readonly manifestVersion: number;
  readonly layers: Layers;
  /** It was taken for its place before, whose name may be another since. */
  readonly isPublished?: boolean;
};

/**
 * Resolves a manifest by the layers that reach its bot, or collects all that is wrong with it. `botId` is null for a bot
 * that does not exist yet. Never throws `Rejected`.
 */
export const checkManifest = async (
  instance: Manifest,
  place: Place,
  validateEngineConfig: ValidateEngineConfig,
  { botId, manifestVersion, layers, isPublished = false }: On = { botId: null, manifestVersion: 1, layers: noLayers },
): Promise<Resolution> => {
  // Structure first: whatever follows walks recursively.
  const structure = structureProblems(instance);
  if (structure.length > 0) return { sound: false, problems: structure };
  const onLayers = layered(instance, { ...place, botId, manifestVersion }, layers);
  if (!onLayers.sound) return onLayers;
  const { manifest, applied } = onLayers;
  const fleetName = place.fleetName ?? manifest.metadata.fleet ?? 'none';
  const resolved = resolve(manifest, { ...place, fleetName });
  const own = [
    ...sizeProblems(instance, resolved),
    ...(isPublished ? [] : placeProblems(manifest, place)),
    ...runtimeProblems(manifest),
    ...envProblems(manifest),
    ...secretProblems(manifest),
    ...simulationProblems(manifest),
  ];
  // The engine is asked last: installing a version for its schema takes a minute, and what is wrong here is known now.
  const problems = own.length > 0 ? own : await engineProblems(resolved, validateEngineConfig);
  if (problems.length > 0) return { sound: false, problems };
  return { sound: true, resolved, hash: canonicalHash(resolved), layers: { version: layers.version, applied } };
};

/** A version that does not exist is the manifest's fault and is told like every other. */
const engineProblems = async (resolved: Manifest, validate: ValidateEngineConfig): Promise<readonly Problem[]> => {
  try {
    return await validate(resolved);
  } catch (error) {
    if (!(error instanceof Rejected)) throw error;
    if (error.errors.length > 0) return error.errors;
    return [{ path: 'spec.runtime.version', code: error.code, message: error.message }];
  }
};

const placeProblems = ({ metadata }: Manifest, place: Place): readonly Problem[] => {
  const problem = (path: string, actual: string): Problem => ({
    path,
    code: 'config.place-mismatch',
    message: `The bot would live in "${actual}"; write that, or leave the field out.`,
  });
  return [
    ...(metadata.environment !== undefined && metadata.environment !== place.environment
      ? [problem('metadata.environment', place.environment)]
      : []),
    ...(metadata.workspace !== undefined && metadata.workspace !== place.workspace
      ? [problem('metadata.workspace', place.workspace)]
      : []),
    ...(metadata.fleet !== undefined && place.fleetName !== null && metadata.fleet !== place.fleetName
      ? [problem('metadata.fleet', place.fleetName)]
      : []),
  ];
};

const runtimeProblems = ({ spec: { runtime, target } }: Manifest): readonly Problem[] => {
  const isSimulated = runtime.engine === 'simulated';
  const problems: Problem[] = [];
  if (isSimulated !== (target.kind === 'simulated')) {
    const fitting = isSimulated ? 'simulated' : 'local';
    const message = `Engine ${runtime.engine} does not run on target ${target.kind}; write "${fitting}".`;
    problems.push({ path: 'spec.target.kind', code: 'config.target-refused', message });
  }
  if (target.kind === 'local' && target.taskRole !== undefined) {
    const message = 'A process of this machine has no task role; only simulated bots rehearse one.';
    problems.push({ path: 'spec.target.taskRole', code: 'config.target-refused', message });
  }
  if (target.kind === 'local' && runtime.autoscaling !== undefined) {
    const message = 'Target local runs one process for each bot; only simulated bots rehearse autoscaling.';
    problems.push({ path: 'spec.runtime.autoscaling', code: 'config.target-refused', message });
  }
  const { minReplicas = 1, maxReplicas = 1 } = runtime.autoscaling ?? {};
  if (minReplicas > maxReplicas) {
    const message = `minReplicas is ${minReplicas}; write ${maxReplicas} or less, or raise maxReplicas.`;
    problems.push({ path: 'spec.runtime.autoscaling.minReplicas', code: 'config.autoscaling-refused', message });
  }
  if (!isSimulated && runtime.version === undefined) {
    const message = 'Pin one exact version such as 2026.9.6; without one it would be whatever is newest.';
    problems.push({ path: 'spec.runtime.version', code: 'config.version-not-pinned', message });
  }
  return problems;
};

const envProblems = ({ spec: { runtime } }: Manifest): readonly Problem[] =>
  environmentReasons(runtime.env ?? {}).map(({ path, message }) => ({
    path: path.replace(/^spec\.env/, 'spec.runtime.env'),
    code: 'config.env-forbidden',
    message,
  }));

const secretProblems = (manifest: Manifest): readonly Problem[] =>
  literalSecrets(manifest)
    .slice(0, 100)
    .map(({ path, kind }) => ({
      path,
      code: 'config.secret-literal',
      message: `This looks like a ${kind}. Declare it in spec.secrets and write a reference here: { "source": "env", "provider": "default", "id": "NAME" } or \${NAME}.`,
    }));

const simulationProblems = ({ spec: { runtime, config } }: Manifest): readonly Problem[] => {
  if (runtime.engine !== 'simulated' || !Object.hasOwn(config, 'simulation')) return [];
  const parsed = Simulation.safeParse(config['simulation']);
  return (parsed.error?.issues ?? []).map((issue) => ({
    path: ['spec.config.simulation', ...issue.path.map(String)].join('.'),
    code: 'config.engine-config',
    message: `${issue.message}.`,
  }));
};
