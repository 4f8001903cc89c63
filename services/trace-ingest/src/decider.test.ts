import { randomUUID } from 'node:crypto';
import { type CommandOf, ReportFailedTraces, SummarizeWindow } from '@molthub/contracts';
import { specification } from '@molthub/decider/testing';
import { test } from 'vitest';
import { telemetryDecider } from './decider.ts';

const { given } = specification(telemetryDecider);
const botId = randomUUID();
const context = {
  id: randomUUID(),
  time: '2026-11-21T10:01:10.000Z',
  workspace: 'default',
  actor: { kind: 'service', id: 'trace', name: 'trace' },
  correlationId: '',
  causationId: null,
  records: true,
} as const;

const window = {
  botId,
  fleetId: null,
  configHash: `sha256:${'a'.repeat(64)}`,
  from: '2026-11-21T10:00:00.000Z',
  to: '2026-11-21T10:01:00.000Z',
  requests: 1,
  errors: 0,
  spans: 3,
  latencyCounts: Array.from({ length: 15 }, () => 0),
  inputTokens: 0,
  outputTokens: 0,
  simulated: false,
};
const summarize = (data: typeof window): CommandOf<typeof SummarizeWindow> => ({
  ...context,
  type: SummarizeWindow.type,
  data,
});
const said = { type: 'trace.window.summarized.v1', data: window } as const;

const failure = { botId, fleetId: null, traceId: 'ab', name: 'run', message: 'no', count: 2, minute: window.from };
const report: CommandOf<typeof ReportFailedTraces> = { ...context, type: ReportFailedTraces.type, data: failure };
const failed = { type: 'trace.trace.failed.v1', data: failure } as const;

test('a closed window is said', () => given().when(summarize(window)).then(said));
test('a window that was said is not said again, though more spans came', () =>
  given(said)
    .when(summarize({ ...window, spans: 9 }))
    .thenNothing());
test('a minute in which the configuration changed has a window for each', () => {
  const other = { ...window, configHash: `sha256:${'b'.repeat(64)}` };
  given(said)
    .when(summarize(other))
    .then({ ...said, data: other });
});
test('failed traces are reported once per minute, whatever windows were said', () => {
  given(said).when(report).then(failed);
  given(failed, said).when(report).thenNothing();
});
