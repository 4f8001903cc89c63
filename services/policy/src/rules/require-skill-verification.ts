import { childPath } from '@molthub/manifest';
import { z } from 'zod';
import { openclawConfig, ownValue } from './openclaw-config.ts';
import { ruleType } from './rule-type.ts';

const sources = [
  ['skills', 'load', 'extraDirs'],
  ['plugins', 'load', 'paths'],
] as const;

/**
 * Skills are those that came with OpenClaw, whose package is verified when it is installed. A configuration can load
 * others from folders (`skills.load.extraDirs`, `plugins.load.paths`); no checksum is declared for those, so each is
 * found unless the rule lets it pass. Skills that a bot installs while it runs stand in no manifest.
 */
export const requireSkillVerification = ruleType({
  type: 'require_skill_verification',
  about:
    'No skill or plugin is loaded from a folder, since nothing verifies those; the list names folders that may be.',
  parameters: z.strictObject({ allowUnverified: z.array(z.string().min(1).max(300)).max(50).default([]) }),
  judge: ({ allowUnverified }) => {
    const allowed = new Set<unknown>(allowUnverified);
    return (resolved) =>
      sources.flatMap((keys) => {
        const folders = ownValue(openclawConfig(resolved), ...keys);
        if (!Array.isArray(folders)) return [];
        return folders.flatMap((folder: unknown, index) =>
          allowed.has(folder)
            ? []
            : [
                {
                  path: childPath(`spec.config.${keys.join('.')}`, index),
                  message: 'Nothing verifies what is loaded from this folder; remove it.',
                  currentValue: folder,
                  suggestedValue: null,
                },
              ],
        );
      });
  },
});
