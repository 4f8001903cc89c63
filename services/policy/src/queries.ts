import { EvaluateManifest } from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import { parseManifest, resolve } from '@molthub/manifest';
import { answer } from '@molthub/service';
import { evaluate } from './evaluate.ts';
import { builtinPacks } from './security-baseline.ts';

export const queries = [
  answer(EvaluateManifest, async ({ data, workspace }) => {
    const packs = builtinPacks.filter((pack) => data.policyPackId === undefined || pack.id === data.policyPackId);
    if (packs.length === 0) {
      const known = builtinPacks.map((pack) => pack.id).join(', ');
      throw new Rejected('policy.pack-not-found', `There is no such policy pack; there is ${known}.`, [
        { path: 'policyPackId', code: 'policy.pack-not-found', message: `Use one of: ${known}.` },
      ]);
    }
    const parsed = parseManifest(data.manifest);
    if ('problems' in parsed) {
      const message = 'This is no manifest, so no policy can judge it; correct the fields named in errors.';
      throw new Rejected('policy.manifest-invalid', message, parsed.problems);
    }
    const { metadata } = parsed.manifest;
    const environment = data.environment ?? metadata.environment ?? 'dev';
    const fleetName = metadata.fleet ?? 'none';
    return evaluate(packs, resolve(parsed.manifest, { workspace, fleetName, environment }), { environment });
  }),
];
