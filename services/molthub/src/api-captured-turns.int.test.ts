// The three turns that a real OpenClaw sent, as the API draws them.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TraceState } from '@molthub/contracts';
import { until, withNats, withPostgres } from '@molthub/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { type ApiUnderTest, openApi } from './api-under-test.ts';
import { makeBot } from './traces-under-test.ts';

const postgres = withPostgres();
const nats = withNats();
const samples = join(import.meta.dirname, '../../trace-ingest/samples');
let api: ApiUnderTest;
let otlpUrl = '';
beforeAll(async () => {
  api = await openApi({ postgres, nats });
  otlpUrl = await api.openOtlp();
});
afterAll(() => api.close());

const sendTurn = async (botId: string, turn: string): Promise<void> => {
  const issued = await api.call('POST', `/api/v1/bot-instances/${botId}/ingest-token`);
  const headers = {
    authorization: `Bearer ${String(issued.body['token'])}`,
    'content-type': 'application/x-protobuf',
  };
  for (const name of (await readdir(join(samples, turn))).filter((one) => one.endsWith('traces.bin')).sort()) {
    const body = await readFile(join(samples, turn, name));
    await until(async () => (await fetch(`${otlpUrl}/v1/traces`, { method: 'POST', headers, body })).status === 200, {
      what: 'the spans to be taken',
    });
  }
};

type Node = {
  readonly name: string;
  readonly type: string;
  readonly isOrphan: boolean;
  readonly children: readonly Node[];
};
const Node: z.ZodType<Node> = z.lazy(() =>
  z.object({ name: z.string(), type: z.string(), isOrphan: z.boolean(), children: z.array(Node) }),
);
const Tree = z.object({ state: TraceState, spanCount: z.int(), roots: z.array(Node) });
const Page = z.object({ items: z.array(z.object({ traceId: z.string() })) });

/** A line for each node; those beside each other that look the same are one, with their number. */
const drawn = (nodes: readonly Node[], depth = 0): readonly string[] => {
  const look = ({ name, type, isOrphan, children }: Node) =>
    [`${'  '.repeat(depth)}${type} ${name}${isOrphan ? ' orphan' : ''}`, ...drawn(children, depth + 1)] as const;
  const alike = Map.groupBy(nodes.map(look), (lines) => lines.join('\n'));
  return [...alike.values()].flatMap((group) =>
    group.slice(0, 1).flatMap(([line, ...below]) => [group.length > 1 ? `${line} ×${group.length}` : line, ...below]),
  );
};

/** Every trace of a bot, drawn, in the order of the drawings. */
const drawingsOf = async (botId: string): Promise<readonly string[]> => {
  const listed = await api.call('GET', `/api/v1/traces?botInstanceId=${botId}&from=2020-01-01T00:00:00Z`);
  expect(listed.status, listed.text).toBe(200);
  const drawings = Page.parse(listed.body).items.map(async ({ traceId }) => {
    const answer = await api.call('GET', `/api/v1/traces/by-trace-id/${traceId}/tree?botInstanceId=${botId}`);
    expect(answer.status, answer.text).toBe(200);
    const { state, spanCount, roots } = Tree.parse(answer.body);
    return [`${state}, ${spanCount} spans`, ...drawn(roots)].join('\n');
  });
  return (await Promise.all(drawings)).toSorted();
};

const runOf = (...calls: readonly string[]) =>
  ['REQUEST openclaw.run', '  OTHER openclaw.context.assembled', ...calls.map((call) => `  ${call}`)].join('\n');
const warning = 'ENDED, 1 spans\nOTHER openclaw.liveness.warning';
// This version sends it under a trace id of its own, with a parent that never comes and nothing that says whose it is.
const harness = '1 spans\nTASK openclaw.harness.run orphan';

test.each([
  ['turn1-plain', `ENDED, 3 spans\n${runOf('MODEL openclaw.model.call')}`],
  [
    'turn2-tool-loop',
    `ENDED, 369 spans\n${runOf('MODEL openclaw.model.call ×184', 'TOOL openclaw.tool.execution ×183')}`,
  ],
  ['turn3-one-tool', `ENDED, 5 spans\n${runOf('MODEL openclaw.model.call ×2', 'TOOL openclaw.tool.execution')}`],
])(
  '%s is a run with its calls; what has a parent that does not come runs until nobody expects it',
  async (turn, run) => {
    const { botId } = await makeBot(api, turn);
    await sendTurn(botId, turn);
    expect(await drawingsOf(botId)).toEqual([warning, run, `RUNNING, ${harness}`].toSorted());
    await api
      .service('trace')
      .runtime.write((sql) =>
        sql("update traces set updated_at = now() - interval '6 minutes' where bot_id = $1", [botId]),
      );
    expect(await drawingsOf(botId)).toEqual([warning, run, `ORPHANED, ${harness}`].toSorted());
  },
);
