import { TargetKind } from '@molthub/contracts';
import { z } from 'zod';
import { route, type Route } from '../route.ts';

const Target = z.object({
  kind: TargetKind,
  about: z.string(),
  engines: z.array(z.string()),
  fields: z.array(z.object({ name: z.string(), type: z.string(), about: z.string() })),
  /** Whether a reconciler of this installation runs bots of the kind; every one does, these need nothing else. */
  runnable: z.boolean(),
});

const items: readonly z.infer<typeof Target>[] = [
  {
    kind: 'local',
    about: "A process on the reconciler's own machine, with isolated state, configuration and ports.",
    engines: ['openclaw'],
    fields: [],
    runnable: true,
  },
  {
    kind: 'simulated',
    about: 'A rehearsal inside the reconciler; everything it says is marked as simulated.',
    engines: ['simulated'],
    fields: [],
    runnable: true,
  },
];

export const targetRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/targets',
    permission: 'target:read',
    reach: 'nothing',
    summary: 'Lists the kinds of targets that bots can run on.',
    answer: z.object({ items: z.array(Target) }),
    run: async () => ({ status: 200, body: { items } }),
  }),
];
