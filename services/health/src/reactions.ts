// What others see of bots → findings.
import {
  BotDestroyed,
  CloseFinding,
  type FactOf,
  FindingKind,
  OpenFinding,
  RunawayDetected,
  RunawayEnded,
} from '@molthub/contracts';
import type { Reads } from '@molthub/event-store';
import { intend, on } from '@molthub/service';
import { z } from 'zod';

type Runaway = FactOf<typeof RunawayDetected>['data'] | FactOf<typeof RunawayEnded>['data'];

const findingOf = ({ runawayId, botId, fleetId, kind, ...seen }: Runaway) => ({
  findingId: runawayId,
  botId,
  fleetId,
  kind: 'RUNAWAY' as const,
  evidence: { ...seen, of: kind },
});

const titleOf = ({ callType, name, callsMax }: FactOf<typeof RunawayDetected>['data']): string =>
  callType === null
    ? `More than ${callsMax} calls within a minute.`
    : `One trace called the ${callType === 'MODEL' ? 'model' : 'tool'} ${name === '' ? '(unnamed)' : name} ${callsMax} times or more within a minute.`;

const Open = z.object({ findingId: z.uuid(), botId: z.uuid(), fleetId: z.uuid().nullable(), kind: FindingKind });
const openOf = async (reads: Reads, botId: string) =>
  z.array(Open).parse(
    await reads(
      `select id as "findingId", bot_id as "botId", fleet_id as "fleetId", kind from findings
         where bot_id = $1 and closed_at is null`,
      [botId],
    ),
  );

export const reactions = [
  on(RunawayDetected, 'open-runaway', ({ data, time }) => [
    intend(OpenFinding, { ...findingOf(data), severity: 'CRITICAL', title: titleOf(data), openedAt: time }),
  ]),
  on(RunawayEnded, 'close-runaway', ({ data, time }) => [intend(CloseFinding, { ...findingOf(data), closedAt: time })]),
  // Whatever was wrong with it is over.
  on(BotDestroyed, 'close-findings', async ({ data, time }, reads) =>
    (await openOf(reads, data.botId)).map((finding) =>
      intend(CloseFinding, { ...finding, evidence: { reason: 'destroyed' }, closedAt: time }),
    ),
  ),
];
