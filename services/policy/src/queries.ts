import { DryRunPack, EvaluateManifest, FindConflicts } from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import { parseManifest, resolve } from '@molthub/manifest';
import { answer } from '@molthub/service';
import { conflictsAmong } from './conflicts.ts';
import { dryRun } from './dry-run.ts';
import { judging, judgingBy } from './evaluate.ts';
import { gently } from './gently.ts';
import { packOf, packsOf } from './known-packs.ts';
import { waiversFor, waiversOf, whereaboutsOf } from './waivers.ts';

export const queries = [
  answer(EvaluateManifest, async ({ data, workspace, time }, { reads }) => {
    const [packs, waivers] = await Promise.all([
      data.policyPackId === undefined ? packsOf(workspace, reads) : undefined,
      waiversOf(workspace, time, reads),
    ]);
    const one = data.policyPackId === undefined ? undefined : await packOf(data.policyPackId, workspace, reads);
    const parsed = parseManifest(data.manifest);
    if ('problems' in parsed) {
      const message = 'This is no manifest, so no policy can judge it; correct the fields named in errors.';
      throw new Rejected('policy.manifest-invalid', message, parsed.problems);
    }
    const { metadata } = parsed.manifest;
    const environment = data.environment ?? metadata.environment ?? 'dev';
    const resolved = resolve(parsed.manifest, { workspace, fleetName: metadata.fleet ?? 'none', environment });
    const known = waivers.length === 0 ? {} : await whereaboutsOf(metadata, workspace, reads);
    const context = { environment, point: 'draft', waivers: waiversFor(waivers, resolved, known) } as const;
    return gently(one ? judgingBy(one, resolved, context) : judging(packs ?? [], resolved, context));
  }),
  answer(FindConflicts, async ({ workspace }, { reads }) =>
    gently(conflictsAmong((await packsOf(workspace, reads)).map(({ pack }) => pack))),
  ),
  answer(DryRunPack, async ({ data, workspace, time }, { reads }) =>
    dryRun(await packOf(data.packId, workspace, reads), { workspace, now: time }, reads),
  ),
];
