import type { RuleType } from '../pack.ts';

const moving = /^(?:latest|stable|beta|dev|next)$|[\^~*xX<>=| ]/;

/** What runs is named exactly, so that two bots of one manifest are the same program. */
export const requireImagePinning: RuleType = ({ spec: { runtime } }) => {
  if (runtime.engine === 'simulated') return [];
  if (runtime.version !== undefined && !moving.test(runtime.version)) return [];
  return [
    {
      path: 'spec.runtime.version',
      message: 'Pin one exact version; tags and ranges move, and a missing one means whatever is newest.',
      currentValue: runtime.version,
      suggestedValue: '2026.9.6',
    },
  ];
};
