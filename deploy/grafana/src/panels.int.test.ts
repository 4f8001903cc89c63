// Every panel's SQL as Grafana would send it, as the role that Grafana has, over everything that a Molthub has to show.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ApiUnderTest, openApi } from '@molthub/program/testing';
import { until, withNats, withPostgres } from '@molthub/testing';
import { makeManySpans, traceIdOf } from '@molthub/trace-ingest/many-spans';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { everyId, expand, panelQueries, variableQueries } from './index.ts';

const postgres = withPostgres();
const nats = withNats();
const samples = join(import.meta.dirname, '../../../services/trace-ingest/samples');
const dayMs = 86_400_000;
let api: ApiUnderTest;
let reader: Client;
let fleetId = '';
let botId = '';
let endedAt = new Date();

type Body = Readonly<Record<string, unknown>>;
const made = async (path: string, body: Body): Promise<string> => {
  const answer = await api.call('POST', `/api/v1${path}`, { body });
  expect(answer.status, answer.text).toBe(201);
  return z.string().parse(answer.body['id']);
};
const manifest = (name: string, simulation: Body = {}, labels: Body = {}) => ({
  apiVersion: 'molthub/v1',
  kind: 'MoltbotInstance',
  metadata: { name, labels },
  spec: { runtime: { engine: 'simulated' }, target: { kind: 'simulated' }, config: { simulation } },
});
const makeBot = (name: string, simulation: Body = {}, labels: Body = {}) =>
  made('/bot-instances', { fleetId, manifest: manifest(name, simulation, labels) });

/** Turns of a real OpenClaw, of one bot; and of the others a week of made ones. */
const sendTurns = async (bot: string, otlpUrl: string): Promise<void> => {
  const issued = await api.call('POST', `/api/v1/bot-instances/${bot}/ingest-token`);
  const headers = {
    authorization: `Bearer ${String(issued.body['token'])}`,
    'content-type': 'application/x-protobuf',
  };
  const names = (await readdir(samples, { recursive: true })).filter((name) => name.endsWith('traces.bin'));
  expect(names.length).toBeGreaterThan(0);
  for (const name of names) {
    const body = await readFile(join(samples, name));
    await until(async () => (await fetch(`${otlpUrl}/v1/traces`, { method: 'POST', headers, body })).status === 200, {
      what: 'the spans to be taken',
    });
  }
};

/** One rule that warns of a bot, one that denies a change of it, and a waiver. */
const violate = async (bot: string): Promise<void> => {
  const rule = { id: 'team', type: 'required_field', config: { field: 'metadata.labels.team' } };
  const targetTags = { pack: 'panels' };
  await made('/policy-packs', { name: 'warns', rules: [{ ...rule, severity: 'WARNING' }], targetTags });
  const denies = { name: 'denies', rules: [{ ...rule, actions: { background: 'warn' } }], targetTags };
  const packId = await made('/policy-packs', denies);
  await made('/policy/waivers', {
    name: 'for a while',
    packId,
    ruleId: 'team',
    scope: { botInstanceId: bot },
    owner: 'Ada',
    reason: 'not yet',
    expiresAt: new Date(Date.now() + dayMs).toISOString(),
  });
  const refused = manifest('berta', {}, { pack: 'panels', more: '1' });
  const other = await api.call('POST', '/api/v1/bot-instances', {
    body: { fleetId, manifest: { ...refused, metadata: { ...refused.metadata, name: 'refused' } } },
  });
  expect(other.status, other.text).toBe(422);
};

/** A trace that calls one tool again and again, which is a finding. */
const loop = async (bot: string, otlpUrl: string): Promise<void> => {
  const issued = await api.call('POST', `/api/v1/bot-instances/${bot}/ingest-token`);
  const startMs = Date.now() - 30_000;
  const spans = Array.from({ length: 40 }, (_, at) => ({
    traceId: '5'.repeat(32),
    spanId: String(at + 10).padStart(16, '0'),
    parentSpanId: '9'.repeat(16),
    name: 'exec',
    startTimeUnixNano: `${startMs + at * 100}000000`,
    endTimeUnixNano: `${startMs + at * 100 + 50}000000`,
    attributes: [{ key: 'gen_ai.tool.name', value: { stringValue: 'exec' } }],
  }));
  const answer = await fetch(`${otlpUrl}/v1/traces`, {
    method: 'POST',
    headers: { authorization: `Bearer ${String(issued.body['token'])}`, 'content-type': 'application/json' },
    body: JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] }),
  });
  expect(answer.status).toBe(200);
};

const ok = async (method: string, path: string, body: Body, status = 200): Promise<Body> => {
  const answer = await api.call(method, `/api/v1${path}`, { body });
  expect(answer.status, answer.text).toBe(status);
  return answer.body;
};

/** Two rollouts of two bots: one is taken back and holds its canary, of one the canary has moved and bakes. */
const rollOut = async (): Promise<void> => {
  const names = ['dora', 'emil'];
  const bots = await Promise.all(names.map((name) => makeBot(name)));
  await until(
    async () =>
      (await ask(`select from health_read.bots where bot_id = any('{${bots.join()}}') and status = 'HEALTHY'`))
        .length === 2,
    { what: 'two bots to be well', timeoutMs: 60_000 },
  );
  await ok('PATCH', `/fleets/${fleetId}`, { release: { mode: 'manual', strategy: { kind: 'ALL' } } });
  const start = async (name: string, simulation: Body, isThere: string): Promise<void> => {
    for (const [at, bot] of bots.entries()) {
      await ok('POST', `/bot-instances/${bot}/manifests`, { manifest: manifest(names[at] ?? '', simulation) }, 201);
    }
    const strategy = { kind: 'CANARY', canary: { count: 1 }, bakeSeconds: 3_600 };
    const id = await made('/change-sets', { name, targets: { botInstanceIds: bots }, strategy });
    await ok('POST', `/change-sets/${id}/start`, {});
    await until(
      async () => (await ask(`select from rollout_read.change_sets where id = '${id}' and ${isThere}`)).length > 0,
      {
        what: `${name}: ${isThere}`,
        timeoutMs: 60_000,
      },
    );
  };
  await start('unwell', { healthy: false }, "status = 'ROLLED_BACK'");
  await start('quicker', { latencyMs: 1 }, 'updated = 1');
  await ok('POST', '/pins', { botInstanceId: botId, reason: 'for a panel' }, 201);
  await until(async () => (await ask(`select from rollout_read.change_set_bots where state = 'FAILED'`)).length > 0, {
    what: 'a bot to fail for good',
    timeoutMs: 60_000,
  });
};

const ask = async (text: string) => (await reader.query<Record<string, unknown>>(text)).rows;

/** What waits for a person, which only a fault of ours could bring about. */
const park = async (): Promise<void> => {
  await api.service('health').runtime.write((sql) =>
    sql(
      `insert into parked (id, consumer, key, workspace, event, event_id, type, error)
       values (gen_random_uuid(), 'panels', 'bot', 'default', '{}', 'one', 'config.bot.created.v1', 'for a panel')`,
    ),
  );
};

/** Lets the reconciler go at a moment at which the bot has drifted, since it heals what it sees. */
const untilDrifted = async (): Promise<void> => {
  const text = `select from reconciler_read.bots where bot_id = '${botId}' and drift_status = 'DRIFTED'`;
  const isDrifted = async () => (await ask(text)).length > 0;
  const isCaught = async () => {
    if (!(await isDrifted())) return false;
    await api.stop('reconciler');
    if (await isDrifted()) return true;
    await api.start('reconciler');
    return false;
  };
  await until(isCaught, { what: 'the bot to drift', timeoutMs: 60_000 });
};

beforeAll(async () => {
  api = await openApi({ postgres, nats });
  reader = new Client({ connectionString: api.readerUrl });
  await reader.connect();
  const otlpUrl = await api.openOtlp();
  fleetId = await made('/fleets', { name: 'support', environment: 'dev' });
  const anna = await makeBot('anna');
  botId = await makeBot('berta', { driftEveryS: 1 }, { pack: 'panels' });
  await makeBot('carl', { failApply: true });
  await sendTurns(anna, otlpUrl);
  endedAt = new Date();
  const session = (text: string, values: readonly unknown[] = []) =>
    api.service('trace').runtime.write((sql) => sql(text, [...values]));
  const bots = [{ workspace: 'default', botId, fleetId }];
  await makeManySpans([session], { spans: 16_000, days: 7, endsAt: endedAt, bots });
  await violate(botId);
  const viewer = await api.call('POST', '/api/v1/api-keys', { body: { name: 'viewer', role: 'VIEWER' } });
  const denied = { key: String(viewer.body['key']), body: { name: 'no', environment: 'dev' } };
  expect((await api.call('POST', '/api/v1/fleets', denied)).status).toBe(403);
  await loop(anna, otlpUrl);
  await park();
  await rollOut();
  const recorded = [
    'reconciler.drift.healed.v1',
    'reconciler.bot.failed.v1',
    'policy.violation.opened.v1',
    'health.bot.changed.v1',
    'rollout.change-set.rollback-started.v1',
    'rollout.wave.settled.v1',
    'rollout.gate.judged.v1',
    'health.finding.opened.v2',
  ];
  await until(
    async () =>
      (await ask(`select distinct action from audit_read.entries where action = any('{${recorded.join()}}')`))
        .length === recorded.length,
    { what: `a record of ${recorded.join(', ')}`, timeoutMs: 60_000 },
  );
  await until(async () => (await ask(`select from audit_read.entries where outcome = 'DENIED'`)).length > 0, {
    what: 'the denial',
  });
  await untilDrifted();
  endedAt = new Date();
}, 180_000);
afterAll(async () => {
  await reader?.end();
  await api?.close();
});

const all = { all: `'${everyId}'` } as const;
const asked = (
  days: number,
  fleet: { of: readonly string[] } | typeof all,
  bot: { of: readonly string[] } | typeof all,
) => ({
  from: new Date(endedAt.getTime() - days * dayMs),
  to: endedAt,
  variables: { workspace: { one: 'default' }, fleet, bot },
});
const queries = await panelQueries();
const variables = await variableQueries();

/** The dashboard of one bot has a variable that takes one; the others take several. */
const askedFor = (dashboard: string, days: number, some: boolean) => {
  const isOfOne = variables.some(
    (variable) => variable.dashboard === dashboard && variable.name === 'bot' && variable.all === null,
  );
  const base = asked(days, some ? { of: [fleetId] } : all, some ? { of: [botId, everyId.replace('0', 'f')] } : all);
  return isOfOne ? { ...base, variables: { ...base.variables, bot: { one: botId } } } : base;
};

describe('every panel has an answer with something in it', () => {
  for (const { dashboard, panel, kind, sql, points, columns } of queries) {
    test.each([
      ['six hours, everything', 0.25, false],
      ['a week, everything', 7, false],
      ['six hours of a fleet and a bot', 0.25, true],
      ['a week of a fleet and a bot', 7, true],
    ])(`${dashboard}, ${panel}: %s`, async (_, days, some) => {
      const text = expand(sql, askedFor(dashboard, days, some), points);
      expect(text).not.toMatch(/\$[a-z_{]/i);
      const { rows, fields } = await reader.query<Record<string, unknown>>(text);
      expect(rows.length, text).toBeGreaterThan(0);
      const names = fields.map(({ name }) => name);
      expect(new Set(names).size, 'columns of one name').toBe(names.length);
      for (const named of columns) expect(names, `${named} is named by the panel`).toContain(named);
      const isOverTime = kind === 'timeseries' || kind === 'heatmap';
      if (isOverTime) expect(names).toContain('time');
      const values = names.filter((name) => !(isOverTime && ['time', 'metric'].includes(name)));
      const filled = (row: Record<string, unknown>) => values.some((name) => row[name] !== null);
      expect(rows.some(filled), `no value in ${JSON.stringify(rows[0])}`).toBe(true);
      if (isOverTime) expect(typeof rows.find(filled)?.[values[0] ?? '']).toBe('number');
    });
  }
});

describe('every variable has something to choose', () => {
  test.each(variables)('$dashboard: $name', async ({ dashboard, sql }) => {
    expect((await ask(expand(sql, askedFor(dashboard, 1, false)))).length).toBeGreaterThan(0);
  });
});

test('what panels say is what was counted, of minutes and of hours alike', async () => {
  const panel = queries.find(({ dashboard, panel: title }) => dashboard.includes('traces') && title === 'In this time');
  const [sixHours, week] = await Promise.all(
    [0.25, 7.1].map(async (days) => {
      const [row] = await ask(expand(panel?.sql ?? '', asked(days, all, { of: [botId] })));
      return row;
    }),
  );
  expect(week).toMatchObject({ requests: 2_000, spans: 16_000 });
  const since = new Date(endedAt.getTime() - dayMs / 4).toISOString();
  const [raw] = await ask(
    `select count(*)::float8 as requests from trace_read.spans s
     where s.bot_id = '${botId}' and s.type = 'REQUEST' and s.started_at + s.duration_ms * interval '1 ms' > '${since}'`,
  );
  // The minute in which the time begins is counted from its start or not at all.
  expect(Math.abs(Number(raw?.['requests']) - Number(sixHours?.['requests']))).toBeLessThanOrEqual(1);
});

test('a made trace is one that the API answers', async () => {
  const tree = await api.call('GET', `/api/v1/traces/by-trace-id/${traceIdOf(7)}/tree`);
  expect(tree).toMatchObject({ status: 200, body: { botInstanceId: botId, spanCount: 8 } });
});

test('the role of Grafana can change nothing, and sees no table', async () => {
  await expect(ask('delete from audit_read.entries')).rejects.toThrow();
  await expect(ask('select * from trace.span_rows limit 1')).rejects.toThrow('permission denied');
});
