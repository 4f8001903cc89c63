import { ValidateManifest } from '@molthub/contracts';
import { parseManifest } from '@molthub/manifest';
import { answer, type Query } from '@molthub/service';
import { checkManifest, type ValidateEngineConfig } from './bot/check-manifest.ts';

/** Checks a manifest as a proposal would be checked: `{ valid, errors, hash, resolved }`, the last two null if invalid. */
export const validateManifest = (validateEngineConfig: ValidateEngineConfig): Query =>
  answer(ValidateManifest, async ({ data, workspace }) => {
    const parsed = parseManifest(data.manifest);
    if ('problems' in parsed) return { valid: false, errors: parsed.problems, hash: null, resolved: null };
    const environment = data.environment ?? parsed.manifest.metadata.environment ?? 'dev';
    const place = { workspace, fleetId: null, fleetName: null, environment };
    const checked = await checkManifest(parsed.manifest, place, validateEngineConfig);
    if (!checked.sound) return { valid: false, errors: checked.problems, hash: null, resolved: null };
    return { valid: true, errors: [], hash: checked.hash, resolved: checked.resolved };
  });
