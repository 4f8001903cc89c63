import {
  type CommandOf,
  DryRunPack,
  EvaluateManifest,
  FindByPack,
  FindConflicts,
  SuggestFix,
} from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import { parseManifest, resolve } from '@molthub/manifest';
import type { Reads } from '@molthub/event-store';
import { answer } from '@molthub/service';
import { conflictsAmong } from './conflicts.ts';
import { dryRun } from './dry-run.ts';
import { judging, judgingBy } from './evaluate.ts';
import { fixOf, foundBy, suggestedFix } from './fix.ts';
import { gently } from './gently.ts';
import { packOf, packsOf } from './known-packs.ts';
import { type CompiledPack, compiling } from './pack.ts';
import { requireJudgeable } from './pack/prepare.ts';
import { enforcedIn, waiversFor, waiversOf, whereaboutsOf } from './waivers.ts';

export const queries = [
  answer(EvaluateManifest, async ({ data, workspace, time }, { reads }) => {
    const [judgedBy, waivers] = await Promise.all([
      judgesOf(data, workspace, reads),
      waiversOf(workspace, time, reads),
    ]);
    const parsed = parseManifest(data.manifest);
    if ('problems' in parsed) {
      const message = 'This is no manifest, so no policy can judge it; correct the fields named in errors.';
      throw new Rejected('policy.manifest-invalid', message, parsed.problems);
    }
    const { metadata } = parsed.manifest;
    const environment = data.environment ?? metadata.environment ?? 'dev';
    const resolved = resolve(parsed.manifest, { workspace, fleetName: metadata.fleet ?? 'none', environment });
    const { enforcedPackIds = [], ...known } = await whereaboutsOf(metadata, workspace, reads);
    const own = { enforcedPackIds, waivers: waiversFor(waivers, resolved, known) };
    const context = { environment, point: 'draft', ...own } as const;
    const judged = await gently(
      'one' in judgedBy ? judgingBy(judgedBy.one, resolved, context) : judging(judgedBy.all, resolved, context),
    );
    const { patch } = fixOf(parsed.manifest, resolved, [...judged.violations, ...judged.warnings]);
    return { ...judged, suggestedPatch: patch };
  }),
  answer(SuggestFix, async ({ data, workspace, time }, { reads }) =>
    suggestedFix(data, {
      pack: await packOf(data.packId, workspace, reads),
      waivers: await waiversOf(workspace, time, reads),
      enforcedPackIds: await enforcedIn(data.fleetId, reads),
    }),
  ),
  answer(FindByPack, async ({ data: { packId, ...bot }, workspace, time }, { reads }) => ({
    found: await foundBy(bot, {
      pack: await packOf(packId, workspace, reads),
      waivers: await waiversOf(workspace, time, reads),
      enforcedPackIds: await enforcedIn(bot.fleetId, reads),
    }),
  })),
  answer(FindConflicts, async ({ workspace }, { reads }) =>
    gently(conflictsAmong((await packsOf(workspace, reads)).map(({ pack }) => pack))),
  ),
  answer(DryRunPack, async ({ data, workspace, time }, { reads }) =>
    dryRun(await packOf(data.packId, workspace, reads), { workspace, now: time }, reads),
  ),
];

type Judges = { readonly one: CompiledPack } | { readonly all: readonly CompiledPack[] };

/** The pack that is named or sent, else every pack of the workspace. */
const judgesOf = async (
  { policyPackId, policyPack }: CommandOf<typeof EvaluateManifest>['data'],
  workspace: string,
  reads: Reads,
): Promise<Judges> => {
  if (policyPack !== undefined) {
    if (policyPackId !== undefined)
      throw new Rejected('policy.pack-invalid', 'Send policyPackId or policyPack, not both.');
    await requireJudgeable(policyPack.rules);
    return { one: await gently(compiling({ ...policyPack, id: 'draft', version: 'draft', isBuiltin: false })) };
  }
  if (policyPackId !== undefined) return { one: await packOf(policyPackId, workspace, reads) };
  return { all: await packsOf(workspace, reads) };
};
