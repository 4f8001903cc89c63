// A database of the first release is brought up to date with everything that was in it.
import { createPool, type Migration, migrate, readsOn } from '@molthub/event-store';
import { withPostgres } from '@molthub/testing';
import { expect, test } from 'vitest';
import { telemetry } from '../migrations/0001-telemetry.ts';
import { traceService } from './service.ts';

const postgres = withPostgres();
const schema = 'trace';

// Spans of every type and status, with and without a parent, at both ends of 64 bits, of several days and two bots that
// chose the same ids.
const rows = `
insert into spans (workspace, bot_id, trace_id, span_id, parent_span_id, name, type, kind, status, status_message,
    started_at, started_ns, duration_ns, request, input_tokens, output_tokens, scope, attributes, resource, events, links)
  select 'w' || bot, lpad(bot::text, 32, '0')::uuid, md5('trace ' || i / 6),
    case i when 0 then 'ffffffffffffffff' when 1 then '0000000000000001' else left(md5('span ' || i), 16) end,
    case when i % 6 = 0 then null else left(md5('span ' || i - i % 6), 16) end, 'name ' || i,
    (array['REQUEST', 'TASK', 'SKILL', 'TOOL', 'MODEL', 'OTHER'])[i % 6 + 1], i % 6, i % 3, repeat('no luck ', i % 2),
    to_timestamp(1780000000 + i * 3600), (1780000000 + i * 3600)::bigint * 1000000000 + i, i * 1000003, i % 6 = 0, i, i * 2,
    'scope ' || i % 2, jsonb_build_object('i', i, 'big', 9007199254740993, 'double', 1.0, 'tool.name', 'tool ' || i % 4),
    jsonb_build_object('service.name', 'bot ' || i % 3),
    case i % 4 when 0 then '[]' else jsonb_build_array(jsonb_build_object('name', 'event', 'i', i)) end::jsonb,
    case i % 5 when 0 then '[]' else jsonb_build_array(jsonb_build_object('traceId', md5('trace'))) end::jsonb
  from generate_series(0, 119) i, generate_series(1, 2) bot;
insert into traces (workspace, bot_id, trace_id, id, name, type, status, named_rank, named_ns, named_span, started_ns,
    ended_ns, started_at, span_count, error_count, root_count, input_tokens, output_tokens)
  select workspace, bot_id, trace_id, gen_random_uuid(), min(name), 'SKILL', max(status), 0, min(started_ns), min(span_id),
    min(started_ns), max(started_ns + duration_ns), min(started_at), count(*), count(*) filter (where status = 2),
    count(*) filter (where parent_span_id is null), sum(input_tokens), sum(output_tokens)
  from spans group by workspace, bot_id, trace_id;
insert into bot_minutes (workspace, bot_id, config_hash, minute, simulated, requests, errors, spans, model_calls, tool_calls,
    latency_counts, duration_ns_sum, input_tokens, output_tokens)
  select 'w' || bot, lpad(bot::text, 32, '0')::uuid, repeat('sha256:' || repeat('a', 64), i % 2),
    to_timestamp(1780000020 + i * 60), false, i, i % 3, i * 2, i % 5, i % 7,
    array(select (i * k)::bigint from generate_series(1, 15) k), i * 1000000007::numeric, i * 11, i * 13
  from generate_series(1, 150) i, generate_series(1, 2) bot;
insert into failed_minutes (workspace, bot_id, minute, count, trace_id, name, message)
  select workspace, bot_id, minute, errors, md5('trace 1'), 'name', 'no luck' from bot_minutes where errors > 0
  on conflict do nothing;
insert into telemetry_bodies (workspace, bot_id, signal, encoding, digest, body)
  values ('w1', gen_random_uuid(), 'logs', 'json', '\\x01', '\\x02');
insert into signing_keys values ('key', '{}', false);
insert into revoked_tokens values (gen_random_uuid(), now());
insert into bot_configs values ('w1', gen_random_uuid(), now(), 'sha256:a');`;

/** What readers saw then, and tables that none saw; asked in the words of the first release. */
const questions: Readonly<Record<string, string>> = {
  spans: `select workspace, bot_id, trace_id, span_id, parent_span_id, name, type, kind, status, status_message, started_at,
    started_ns, duration_ns, attributes::text, resource::text, events::text, links::text, scope from trace_read.spans
    order by bot_id, started_ns`,
  traces: `select workspace, bot_id, trace_id, id, name, type, status, started_at, ended_at, duration_ms, span_count,
    error_count, root_count, input_tokens, output_tokens from trace_read.traces order by bot_id, trace_id`,
  minutes: `select workspace, bot_id, config_hash, minute, requests, errors, spans, model_calls, tool_calls,
    latency_counts, duration_ms_sum, input_tokens, output_tokens from trace_read.bot_minutes
    order by bot_id, minute, config_hash`,
  unsaid: 'select bot_id, minute from bot_minutes where said_at is null order by bot_id, minute',
  failed:
    'select workspace, bot_id, minute, count, trace_id, name, message, said_at from failed_minutes order by bot_id, minute',
  bodies: 'select workspace, bot_id, signal, encoding, digest, body from telemetry_bodies',
  keys: 'select key_id, public_key, simulated_only from signing_keys',
  revoked: 'select token_id, revoked_at from revoked_tokens',
  configs: 'select workspace, bot_id, since, hash from bot_configs',
};
const hourSums = (table: string, hour: string) => `
  select bot_id, config_hash, ${hour} as hour, sum(requests)::int as requests, sum(errors)::int as errors,
    sum(spans)::int as spans, sum(model_calls)::int as model_calls, sum(tool_calls)::int as tool_calls,
    sum(latency_counts[1])::int as first, sum(latency_counts[15])::int as last, sum(duration_ns_sum)::text as duration,
    sum(input_tokens)::int as input, sum(output_tokens)::int as output
  from ${table} group by 1, 2, 3 order by 1, 3, 2`;

test('rows of the first release are all there after all steps, and hours are the sums of their minutes', async () => {
  const { url } = await postgres.createDatabase();
  const faults: Error[] = [];
  const pool = createPool({ url, schema, name: 'test', onError: (fault) => faults.push(fault) });
  const reads = readsOn(pool);
  const answers = async () => {
    const found = Object.entries(questions).map(async ([name, text]) => [name, await reads(text)] as const);
    return Object.fromEntries(await Promise.all(found));
  };
  try {
    await migrate(pool, schema, [telemetry]);
    await pool.query(rows);
    const before = await answers();
    for (const [name, found] of Object.entries(before)) expect(found.length, name).toBeGreaterThan(0);
    const tokens = 'select bot_id, started_ns, request, input_tokens, output_tokens from';
    const tokensBefore = await reads(`${tokens} spans order by bot_id, started_ns`);

    const { migrations } = traceService();
    await migrate(pool, schema, migrations);
    expect(await answers()).toEqual(before);
    expect(await reads(`${tokens} span_rows order by bot_id, started_ns`)).toEqual(tokensBefore);
    const hours = await reads(hourSums('bot_hours', 'hour'));
    expect(hours).toEqual(await reads(hourSums('bot_minutes', "date_trunc('hour', minute)")));
    expect(hours.length).toBeGreaterThan(4);

    // Those of before have no column with their tool.
    const calls = 'select name, count(*)::int as n from trace_read.calls group by name order by name';
    const [models, ...tools] = [['', 40], ...['tool 1', 'tool 3'].map((name) => [name, 20])];
    expect((await reads<{ name: string; n: number }>(calls)).map(({ name, n }) => [name, n])).toEqual([
      models,
      ...tools,
    ]);

    await migrate(pool, schema, migrations);
    expect(await answers()).toEqual(before);
    expect(faults).toEqual([]);
  } finally {
    await pool.end();
  }
});

test('what spans say is compressed as the server does best, in every partition there is and will be', async () => {
  const { url } = await postgres.createDatabase();
  const pool = createPool({ url, schema, name: 'test', onError: () => undefined });
  // The embedded server knows no other way than this one.
  const known = (step: Migration): Migration => ({ ...step, sql: step.sql.replaceAll('lz4', 'pglz') });
  const day = (number: number) => `create table span_rows_2026090${number} partition of span_rows
    for values from ('2026-09-0${number} 00:00Z') to ('2026-09-0${number + 1} 00:00Z')`;
  try {
    const { migrations } = traceService();
    const at = migrations.findIndex(({ name }) => name === '0007-span-json-as-text');
    await migrate(pool, schema, migrations.slice(0, at).map(known));
    await pool.query(day(1));
    await migrate(pool, schema, migrations.map(known));
    await pool.query(day(2));
    const found = await readsOn(pool)(
      `select attrelid::regclass::text as table, attname as column from pg_attribute
       where attrelid::regclass::text like 'span_rows%' and attcompression = 'p' order by 1, 2`,
    );
    const tables = ['span_rows', 'span_rows_20260901', 'span_rows_20260902', 'span_rows_other_days'];
    expect(found).toEqual(tables.flatMap((table) => ['attributes', 'events'].map((column) => ({ table, column }))));
  } finally {
    await pool.end();
  }
});
