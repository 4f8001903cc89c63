import { z } from 'zod';
import { Id, route, type Route } from '../../route.ts';
import { ofBot } from '../bot-row.ts';
import { time } from '../shapes.ts';
import { Check, checksOf, overallOf } from './checks.ts';
import { lookAt } from './seen.ts';

export const doctorRoute: Route = route({
  method: 'POST',
  path: '/bot-instances/:id/doctor',
  permission: 'bot:doctor',
  reach: 'subject',
  summary:
    'Examines a bot: asks it now how it is, checks its manifest anew and compares all that is known of it. Changes nothing.',
  params: Id,
  subjects: ofBot,
  answer: z.object({
    botInstanceId: z.uuid(),
    overall: z.enum(['PASS', 'WARN', 'FAIL']),
    examinedAt: time,
    checks: z.array(Check),
  }),
  run: async (call, { params }) => {
    const seen = await lookAt(call, params.id);
    const now = call.world.runtime.now();
    const checks = checksOf(seen, now.getTime());
    const body = { botInstanceId: params.id, overall: overallOf(checks), examinedAt: now.toISOString(), checks };
    return { status: 200, body };
  },
});
