// What a bot of a template would be told to run, before there is one.
import {
  type CommandOf,
  Environment,
  Manifest,
  type Problem,
  type PreviewTemplate,
  ResolvedManifest,
} from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import type { Reads } from '@molthub/event-store';
import { parseManifest } from '@molthub/manifest';
import { checkManifest, type ValidateEngineConfig } from '../bot/check-manifest.ts';
import { type KnownTemplate, layersOf } from '../layers/known-layers.ts';

export type Preview = {
  readonly valid: boolean;
  readonly errors: readonly Problem[];
  /** What to create the bot with. */
  readonly manifest: Manifest | null;
  readonly resolved: ResolvedManifest | null;
  readonly hash: string | null;
};

/** The bot is called `preview`, and declares the secrets that the template needs out of the environment. */
export const previewOf = async (
  { data, workspace }: CommandOf<typeof PreviewTemplate>,
  reads: Reads,
  validateEngineConfig: ValidateEngineConfig,
): Promise<Preview> => {
  const layers = await layersOf(workspace, reads);
  const template = layers.all.find(
    (layer): layer is KnownTemplate => layer.kind === 'template' && layer.id === data.templateId,
  );
  if (!template) throw new Rejected('config.template-not-found', 'There is no such template.');
  const fleet = await fleetOf(data.fleetId, workspace, reads);
  const environment = fleet?.environment ?? data.environment;
  const { name, engine, requiredSecrets } = template.content;
  const runs = engine ?? 'simulated';
  const parsed = parseManifest({
    apiVersion: 'molthub/v1',
    kind: 'MoltbotInstance',
    metadata: { name: 'preview', labels: data.labels },
    spec: {
      template: { name, values: data.values },
      runtime: { engine: runs, ...(data.engineVersion === undefined ? {} : { version: data.engineVersion }) },
      target: { kind: runs === 'simulated' ? 'simulated' : 'local' },
      secrets: requiredSecrets.map((secret) => ({ name: secret.name, provider: 'env', key: secret.name })),
    },
  });
  if ('problems' in parsed) return { ...nothing, errors: parsed.problems };
  const { manifest } = parsed;
  const place = { workspace, fleetId: fleet?.id ?? null, fleetName: fleet?.name ?? null, environment };
  const on = { botId: null, manifestVersion: 1, layers };
  const checked = await checkManifest(manifest, place, validateEngineConfig, on);
  if (!checked.sound) return { ...nothing, manifest, errors: checked.problems };
  return { valid: true, errors: [], manifest, resolved: checked.resolved, hash: checked.hash };
};

const nothing: Preview = { valid: false, errors: [], manifest: null, resolved: null, hash: null };

type Fleet = { readonly id: string; readonly name: string; readonly environment: Environment };

const fleetOf = async (fleetId: string | undefined, workspace: string, reads: Reads): Promise<Fleet | null> => {
  if (fleetId === undefined) return null;
  const [fleet] = await reads<Fleet>('select id, name, environment from fleets where workspace = $1 and id = $2', [
    workspace,
    fleetId,
  ]);
  if (!fleet) throw new Rejected('config.fleet-not-found', 'There is no such fleet.');
  return fleet;
};
