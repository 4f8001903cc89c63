// What others see of bots → findings.
import { CloseFinding, type FactOf, OpenFinding, RunawayDetected, RunawayEnded } from '@molthub/contracts';
import { intend, on } from '@molthub/service';

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

export const reactions = [
  on(RunawayDetected, 'open-runaway', ({ data, time }) => [
    intend(OpenFinding, { ...findingOf(data), severity: 'CRITICAL', title: titleOf(data), openedAt: time }),
  ]),
  on(RunawayEnded, 'close-runaway', ({ data, time }) => [intend(CloseFinding, { ...findingOf(data), closedAt: time })]),
];
