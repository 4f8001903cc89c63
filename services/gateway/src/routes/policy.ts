import { Environment, EvaluateManifest, Verdict } from '@molthub/contracts';
import { z } from 'zod';
import { route, type Route } from '../route.ts';
import { ShownManifest } from './manifest-body.ts';

const rest = { policyPackId: z.string().min(1).max(100).optional(), environment: Environment.optional() };

export const policyRoutes: readonly Route[] = [
  route({
    method: 'POST',
    path: '/policy-packs/evaluate',
    permission: 'policy:evaluate',
    reach: 'nothing',
    summary: 'Judges any manifest and records nothing.',
    body: z.strictObject({ manifest: z.json(), ...rest }),
    bodyShown: z.strictObject({ manifest: ShownManifest, ...rest }),
    answer: Verdict,
    run: async (call, { body }) => ({ status: 200, body: await call.dispatch.ask(call, EvaluateManifest, body) }),
  }),
];
