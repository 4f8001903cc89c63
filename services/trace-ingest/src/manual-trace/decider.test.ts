import { type CommandOf, EndTrace, type FactOf, OpenTrace, TraceEnded, TraceOpened } from '@molthub/contracts';
import { specification } from '@molthub/decider/testing';
import { test } from 'vitest';
import { manualTraceDecider } from './decider.ts';

const envelope = {
  id: '00000000-0000-4000-8000-00000000000c',
  workspace: 'acme',
  actor: { kind: 'user', id: 'u', name: 'Ada' },
  correlationId: 'c',
  causationId: null,
  time: '2026-11-21T10:00:00.000Z',
  records: true,
} as const;
const open: CommandOf<typeof OpenTrace> = {
  ...envelope,
  type: OpenTrace.type,
  data: {
    botId: '00000000-0000-4000-8000-000000000001',
    fleetId: null,
    simulated: false,
    traceId: '1'.repeat(32),
    spanId: '2'.repeat(16),
    parentTraceId: null,
    name: 'nightly report',
    type: 'TASK',
    startedAt: '2026-11-21T10:00:00.000Z',
    session: null,
    attributes: {},
  },
};
const end = (endedAt: string): CommandOf<typeof EndTrace> => ({
  ...envelope,
  type: EndTrace.type,
  data: { botId: open.data.botId, traceId: open.data.traceId, endedAt, status: 'OK', message: '', attributes: {} },
});
const later = end('2026-11-21T10:05:00.000Z');
const opened: FactOf<typeof TraceOpened> = { type: TraceOpened.type, data: open.data };
const ended: FactOf<typeof TraceEnded> = { type: TraceEnded.type, data: later.data };
const { given } = specification(manualTraceDecider);

test('a trace is opened', () => given().when(open).then(opened));
test('a trace is opened once', () => given(opened).when(open).rejects('trace.trace-exists'));
test('an open trace ends', () => given(opened).when(later).then(ended));
test('a trace ends once', () => given(opened, ended).when(later).rejects('trace.trace-ended'));
test('an ended trace is not opened again', () => given(opened, ended).when(open).rejects('trace.trace-exists'));
test('a trace that nobody opened does not end', () => given().when(later).rejects('trace.trace-not-found'));
test('a trace does not end before it began', () =>
  given(opened).when(end('2026-11-21T09:59:59.999Z')).rejects('trace.end-invalid'));
test.each(['1999-12-31T23:59:59.999Z', '2026-11-21T10:05:00.001Z', '9998-01-01T00:00:00.000Z'])(
  'a trace does not begin when no span can, nor more than five minutes ahead: %s',
  (startedAt) =>
    given()
      .when({ ...open, data: { ...open.data, startedAt } })
      .rejects('trace.start-invalid'),
);
test('a clock that is five minutes fast may begin and end traces', () => {
  const startedAt = '2026-11-21T10:05:00.000Z';
  const ahead = { ...open, data: { ...open.data, startedAt } };
  given().when(ahead).then({ type: TraceOpened.type, data: ahead.data });
  given(opened).when(end(startedAt)).then(ended);
});
test('a trace does not end more than five minutes ahead', () =>
  given(opened).when(end('2026-11-21T10:05:00.001Z')).rejects('trace.end-invalid'));
