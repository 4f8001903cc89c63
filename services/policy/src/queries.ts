import { DryRunPack, EvaluateManifest } from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import { parseManifest, resolve } from '@molthub/manifest';
import { answer } from '@molthub/service';
import { dryRun } from './dry-run.ts';
import { judging, judgingBy } from './evaluate.ts';
import { gently } from './gently.ts';
import { packOf, packsOf } from './known-packs.ts';

export const queries = [
  answer(EvaluateManifest, async ({ data, workspace }, { reads }) => {
    const packs = data.policyPackId === undefined ? await packsOf(workspace, reads) : undefined;
    const one = data.policyPackId === undefined ? undefined : await packOf(data.policyPackId, workspace, reads);
    const parsed = parseManifest(data.manifest);
    if ('problems' in parsed) {
      const message = 'This is no manifest, so no policy can judge it; correct the fields named in errors.';
      throw new Rejected('policy.manifest-invalid', message, parsed.problems);
    }
    const { metadata } = parsed.manifest;
    const environment = data.environment ?? metadata.environment ?? 'dev';
    const resolved = resolve(parsed.manifest, { workspace, fleetName: metadata.fleet ?? 'none', environment });
    const context = { environment, point: 'draft' } as const;
    return gently(one ? judgingBy(one, resolved, context) : judging(packs ?? [], resolved, context));
  }),
  answer(DryRunPack, async ({ data, workspace }, { reads }) =>
    dryRun(await packOf(data.packId, workspace, reads), workspace, reads),
  ),
];
