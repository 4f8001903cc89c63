// A Molthub with forty bots in which a week of spans, and of entries of the record, stands already.
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { services } from '@molthub/contracts';
import { makeLargeTrace, makeManySpans, type ManySpans } from '@molthub/trace-ingest/many-spans';
import { Client } from 'pg';
import { z } from 'zod';
import { expectStatus, makeBot, makeFleet, simulatedManifest, until } from './fleet.ts';
import { type Molthub, prepareServices } from './molthub.ts';
import { withServers } from './servers.ts';

export type Filled = {
  readonly molthub: Molthub;
  /** A session of the role that Grafana has. */
  readonly reader: Client;
  readonly bots: ManySpans['bots'];
  readonly endsAt: Date;
  readonly largeTraceId: string;
  readonly context: Readonly<Record<string, unknown>>;
};

const days = 7;
const fleets = 4;
const botsOfFleet = 10;
const recordedEntries = 100_000;

/** Starts everything, fills it, runs `work`, and leaves nothing behind. */
export const withManySpans = async (spans: number, work: (made: Filled) => Promise<void>): Promise<void> =>
  withServers(async ({ urls }) => {
    const home = await mkdtemp(join(tmpdir(), 'molthub-bench-'));
    const servers = { DATABASE_URL: urls.databaseUrl, NATS_URL: urls.natsUrl };
    const others = services.filter((name) => name !== 'reconciler');
    const molthub = await prepareServices(home, others, servers);
    const reconciler = await prepareServices(home, ['reconciler'], servers);
    const sessions = await Promise.all(cpus().map(() => connected(urls.databaseUrl)));
    const reader = await connected(urls.databaseUrl);
    try {
      await molthub.start();
      await reconciler.start();
      const bots = await makeBots(molthub);
      await makeNews(molthub, bots);
      const filled = await fill(sessions, { spans, days, endsAt: new Date(), bots });
      await reader.query("set session authorization molthub_reader; set statement_timeout = '5s'");
      await untilDrifted(reader, reconciler);
      await work({ molthub, reader, bots, ...filled });
    } finally {
      await Promise.all([reader, ...sessions].map((session) => session.end()));
      await Promise.all([molthub.stop(), reconciler.stop()]);
      await rm(home, { recursive: true, force: true });
    }
  });

const fill = async (clients: readonly Client[], asked: ManySpans) => {
  const began = performance.now();
  for (const client of clients) await client.query("set search_path = trace; set work_mem = '512MB'");
  const sessions = clients.map(
    (client) =>
      (text: string, values: readonly unknown[] = []) =>
        client.query<Record<string, unknown>>(text, [...values]),
  );
  const [first] = sessions;
  if (!first) throw new Error('There is no processor to fill tables with.');
  await makeManySpans(sessions, asked);
  const largeTraceId = await makeLargeTrace(first, 10_000, asked);
  await first(entries, [recordedEntries, asked.endsAt, days, asked.bots.map(({ botId }) => botId)]);
  await first(parked);
  await first('vacuum (analyze) audit.entries');
  const filledInS = Math.round((performance.now() - began) / 1_000);
  const { rows } = await first(sizes);
  const context = { spans: asked.spans, bots: asked.bots.length, days, recordedEntries, filledInS, ...rows[0] };
  return { endsAt: asked.endsAt, largeTraceId, context };
};

/** Lets the reconciler go at a moment at which a bot has drifted, since it heals what it sees. */
const untilDrifted = async (reader: Client, reconciler: Molthub): Promise<void> => {
  const isDrifted = async () => {
    const { rows } = await reader.query("select from reconciler_read.bots where drift_status = 'DRIFTED' limit 1");
    return rows.length > 0;
  };
  await until('a bot that has drifted', 120_000, 20, async () => {
    if (!(await isDrifted())) return undefined;
    await reconciler.stop();
    if (await isDrifted()) return true;
    await reconciler.start();
    return undefined;
  });
};

const connected = async (url: string): Promise<Client> => {
  const client = new Client({ connectionString: url });
  await client.connect();
  return client;
};

const makeBots = async (molthub: Molthub): Promise<ManySpans['bots']> => {
  const bots: { workspace: string; botId: string; fleetId: string }[] = [];
  for (let fleet = 0; fleet < fleets; fleet += 1) {
    const fleetId = await makeFleet(molthub, `fleet-${fleet}`);
    for (let bot = 0; bot < botsOfFleet; bot += 1) {
      const simulation = fleet + bot === 0 ? { driftEveryS: 1 } : bot === 1 ? { failApply: true } : {};
      const botId = await makeBot(molthub, fleetId, simulatedManifest(`bot-${fleet}-${bot}`, simulation));
      bots.push({ workspace: 'default', botId, fleetId });
    }
  }
  return bots;
};

/** What is not counted of spans has something to show too: a rule that every bot violates, and one that may for a while. */
const makeNews = async (molthub: Molthub, [bot]: ManySpans['bots']): Promise<void> => {
  const rule = { id: 'team', type: 'required_field', severity: 'WARNING', config: { field: 'metadata.labels.team' } };
  const pack = await molthub.call('POST', '/policy-packs', { name: 'made', rules: [rule] });
  const { id: packId } = Made.parse(expectStatus(pack, 201, 'POST /policy-packs').body);
  const waiver = await molthub.call('POST', '/policy/waivers', {
    name: 'made',
    packId,
    ruleId: rule.id,
    scope: { botInstanceId: bot?.botId },
    owner: 'bench',
    reason: 'a row to show',
    expiresAt: new Date(Date.now() + 86_400_000).toISOString(),
  });
  expectStatus(waiver, 201, 'POST /policy/waivers');
};
const Made = z.object({ id: z.uuid() });

const parked = `insert into health.parked (id, consumer, key, workspace, event, event_id, type, error)
  values (gen_random_uuid(), 'made', 'bot', 'default', '{}', 'one', 'config.bot.created.v1', 'a row to show')`;

const sizes = `select pg_database_size(current_database())::float8 / 1e9 as "databaseGB",
  (select sum(pg_total_relation_size(inhrelid)) from pg_inherits where inhparent = 'trace.span_rows'::regclass)::float8
    / (select count(*) from span_rows) as "bytesOfASpan"`;

/** Entries of a week as a busy workspace has them. They are no leaves: nothing is recorded any more that would miss them. */
const entries = `
insert into audit.entries (sequence, workspace, id, time, actor, action, outcome, resource_type, resource_id, diff,
  correlation_id, event_id, source, hash)
select 1000000000 + n, 'default', gen_random_uuid(), $2::timestamptz - (n::float8 / $1::int) * $3::int * interval '1 day',
  '{"kind":"service","id":"made","name":"made"}', action, case when n % 40 = 0 then 'REFUSED' else 'ACCEPTED' end, 'bot',
  ($4::text[])[1 + n % cardinality($4::text[])],
  '{"items":[{"path":"spec.config","class":"config"}],"error":{"code":"made","message":"made"},"attempt":1}', '',
  gen_random_uuid(), 'molthub/made', sha256(n::text::bytea)
from (
  select n, (array['reconciler.drift.detected.v1', 'reconciler.drift.healed.v1', 'reconciler.bot.converged.v1',
    'reconciler.bot.assigned.v1', 'reconciler.bot.failed.v1', 'health.bot.changed.v1', 'health.fleet.changed.v1',
    'policy.manifest.evaluated.v1', 'policy.violation.opened.v1', 'policy.violation.resolved.v1',
    'config.manifest.proposed.v1', 'config.manifest.published.v1', 'config.manifest.refused.v1',
    'rollout.bot.released.v1', 'rollout.bot.settled.v1', 'rollout.change-set.planned.v1'])[1 + n % 16] as action
  from generate_series(0, $1::int - 1) as n
) as numbered`;
