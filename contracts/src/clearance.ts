// The question between rollout and policy before a release: may these versions go? See docs/decisions/0012.
import { z } from 'zod';
import { Environment, Hash, ResolvedManifest } from './manifest.ts';
import { defineCommand, defineEvent } from './message.ts';

const ask = { askId: z.uuid(), changeSetId: z.uuid() };
const bot = { botId: z.uuid(), version: z.int().min(1), generation: z.int().min(1) };
/** `isRollback`: the version brings earlier content back, which enforced packs only may deny. Absent: it does not. */
const content = { resolved: ResolvedManifest, isRollback: z.boolean().optional() };
const of = { fleetId: z.uuid(), environment: Environment };
const cleared = { ...ask, botIds: z.array(z.uuid()), judgedAt: z.iso.datetime() };

export const ReleaseAsked = defineEvent(
  'rollout.release.asked.v1',
  'Policy is asked whether these versions may be released; until it answers none of them is.',
  z.object({ ...ask, ...of, bots: z.array(z.object({ ...bot, hash: Hash, ...content })).min(1) }),
);
export const ReleaseCleared = defineEvent(
  'rollout.release.cleared.v1',
  'Policy has nothing against the release of these bots, for a minute.',
  z.object(cleared),
);
/** What denies a release, as far as it fits: `count` is of all. */
const DeniedRelease = z.object({
  ...bot,
  count: z.int().min(1),
  violations: z
    .array(z.object({ packId: z.string(), ruleId: z.string(), path: z.string(), message: z.string() }))
    .min(1)
    .max(3),
});
export type DeniedRelease = z.infer<typeof DeniedRelease>;
export const ReleaseEvaluated = defineEvent(
  'policy.release.evaluated.v1',
  'Policy judged the versions that are about to be released, at `apply`; those that are denied are not.',
  z.object({ ...ask, allowed: z.array(z.uuid()), denied: z.array(DeniedRelease) }),
);
export const JudgeRelease = defineCommand(
  'policy.release.judge.v1',
  "Judges the versions that rollout is about to release. Policy's own reaction; not for callers.",
  z.strictObject({ ...ask, ...of, bots: z.array(z.strictObject({ ...bot, ...content })).min(1) }),
);
export const AskRelease = defineCommand(
  'rollout.release.ask.v1',
  "Asks policy whether bots of a running change set may be released. Rollout's own job; not for callers.",
  z.strictObject({ ...ask, botIds: z.array(z.uuid()).min(1) }),
);
export const ClearRelease = defineCommand(
  'rollout.release.clear.v1',
  "Takes policy's answer on the bots that it lets be released. Rollout's own reaction; not for callers.",
  z.strictObject(cleared),
);
