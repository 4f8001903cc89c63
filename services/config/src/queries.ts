// What config answers without recording anything.
import {
  type Environment,
  ExplainManifest,
  ListOverlayTargets,
  type Manifest,
  PreviewTemplate,
  ValidateManifest,
} from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import type { Reads } from '@molthub/event-store';
import { parseManifest } from '@molthub/manifest';
import { answer, type Query } from '@molthub/service';
import { checkManifest, type ValidateEngineConfig } from './bot/check-manifest.ts';
import { checkOfBot } from './bot/prepare.ts';
import type { Resolution } from './bot/prepared.ts';
import { explain } from './layers/explain.ts';
import { layersOf } from './layers/known-layers.ts';
import { targetsOf } from './layers/targets.ts';
import { previewOf } from './template/preview.ts';

/**
 * Checks a manifest as a proposal of its bot would be checked, or of a bot of no fleet: `{ valid, errors, hash, resolved }`,
 * the last two null if invalid.
 */
const validateManifest = (validateEngineConfig: ValidateEngineConfig): Query =>
  answer(ValidateManifest, async ({ data, workspace }, { reads }) => {
    const parsed = parseManifest(data.manifest);
    if ('problems' in parsed) return { valid: false, errors: parsed.problems, hash: null, resolved: null };
    const { manifest } = parsed;
    const checked =
      data.botId === undefined
        ? await checkOfNone(manifest, { workspace, environment: data.environment }, reads, validateEngineConfig)
        : await checkOfBot(manifest, { workspace, botId: data.botId }, reads, validateEngineConfig);
    if (checked === null) throw new Rejected('config.bot-not-found', 'There is no such bot.');
    if (!checked.sound) return { valid: false, errors: checked.problems, hash: null, resolved: null };
    return { valid: true, errors: [], hash: checked.hash, resolved: checked.resolved };
  });

type Somewhere = { readonly workspace: string; readonly environment: Environment | undefined };

const checkOfNone = async (
  manifest: Manifest,
  { workspace, environment = manifest.metadata.environment ?? 'dev' }: Somewhere,
  reads: Reads,
  validateEngineConfig: ValidateEngineConfig,
): Promise<Resolution> => {
  const place = { workspace, fleetId: null, fleetName: null, environment };
  const on = { botId: null, manifestVersion: 1, layers: await layersOf(workspace, reads) };
  return checkManifest(manifest, place, validateEngineConfig, on);
};

export const queries = (validateEngineConfig: ValidateEngineConfig): readonly Query[] => [
  validateManifest(validateEngineConfig),
  answer(ExplainManifest, async ({ data, workspace }, { reads }) => ({ ...(await explain(data, workspace, reads)) })),
  answer(ListOverlayTargets, async ({ data, workspace }, { reads }) => targetsOf(data.overlayId, workspace, reads)),
  answer(PreviewTemplate, async (command, { reads }) => ({
    ...(await previewOf(command, reads, validateEngineConfig)),
  })),
];
