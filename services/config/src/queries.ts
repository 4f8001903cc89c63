// What config answers without recording anything.
import { ExplainManifest, ListOverlayTargets, PreviewTemplate, ValidateManifest } from '@molthub/contracts';
import { parseManifest } from '@molthub/manifest';
import { answer, type Query } from '@molthub/service';
import { checkManifest, type ValidateEngineConfig } from './bot/check-manifest.ts';
import { explain } from './layers/explain.ts';
import { layersOf } from './layers/known-layers.ts';
import { targetsOf } from './layers/targets.ts';
import { previewOf } from './template/preview.ts';

/**
 * Checks a manifest as a proposal of a bot of no fleet would be checked: `{ valid, errors, hash, resolved }`, the last two
 * null if invalid.
 */
const validateManifest = (validateEngineConfig: ValidateEngineConfig): Query =>
  answer(ValidateManifest, async ({ data, workspace }, { reads }) => {
    const parsed = parseManifest(data.manifest);
    if ('problems' in parsed) return { valid: false, errors: parsed.problems, hash: null, resolved: null };
    const environment = data.environment ?? parsed.manifest.metadata.environment ?? 'dev';
    const place = { workspace, fleetId: null, fleetName: null, environment };
    const on = { botId: null, manifestVersion: 1, layers: await layersOf(workspace, reads) };
    const checked = await checkManifest(parsed.manifest, place, validateEngineConfig, on);
    if (!checked.sound) return { valid: false, errors: checked.problems, hash: null, resolved: null };
    return { valid: true, errors: [], hash: checked.hash, resolved: checked.resolved };
  });

export const queries = (validateEngineConfig: ValidateEngineConfig): readonly Query[] => [
  validateManifest(validateEngineConfig),
  answer(ExplainManifest, async ({ data, workspace }, { reads }) => ({ ...(await explain(data, workspace, reads)) })),
  answer(ListOverlayTargets, async ({ data, workspace }, { reads }) => targetsOf(data.overlayId, workspace, reads)),
  answer(PreviewTemplate, async (command, { reads }) => ({
    ...(await previewOf(command, reads, validateEngineConfig)),
  })),
];
