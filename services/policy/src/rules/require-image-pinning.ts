import { type Judge, noParameters, ruleType } from './rule-type.ts';

const moving = /^(?:latest|stable|beta|dev|next)$|[\^~*xX<>=| ]/;

/** What runs is named exactly, so that two bots of one manifest are the same program. */
export const requireImagePinning = ruleType({
  type: 'require_image_pinning',
  about: 'spec.runtime.version names one exact version. Simulated bots have none.',
  parameters: noParameters,
  judge: () => judge,
});

const judge: Judge = ({ spec: { runtime } }) => {
  if (runtime.engine === 'simulated') return [];
  if (runtime.version !== undefined && !moving.test(runtime.version)) return [];
  return [
    {
      path: 'spec.runtime.version',
      message: 'Pin one exact version; tags and ranges move, and a missing one means whatever is newest.',
      currentValue: runtime.version,
      suggestedValue: '2026.9.6',
      suggestion: 'example' as const,
    },
  ];
};
