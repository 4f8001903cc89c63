// Secrets planted wherever a bot can say something: afterwards they are nowhere, in no table, no event, no log, no bus.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { createPool, readsOn } from '@molthub/event-store';
import { until, withNats, withPostgres } from '@molthub/testing';
import { expect, test } from 'vitest';
import { encode } from '../otlp/testing.ts';
import { asJson, key, newBot, nowNs, tokenOf } from '../testing.ts';
import { startTraceProcess } from './trace-process.ts';

const postgres = withPostgres();
const nats = withNats();

/** Made here, so that this file holds none. */
const random = (length: number) =>
  Array.from({ length }, () => 'abcdefghijkmnpqrstuvwxyz'[Math.floor(Math.random() * 24)]).join('');
const upper = (length: number) => random(length).toUpperCase();
const secrets = [
  `sk-${random(40)}`,
  `ghp_${random(36)}`,
  `github_pat_${random(40)}`,
  `AKIA${upper(16)}`,
  `xoxb-${random(30)}`,
  `eyJ${random(20)}.eyJ${random(20)}.${random(20)}`,
  `-----BEGIN RSA PRIVATE KEY-----\n${random(60)}\n-----END RSA PRIVATE KEY-----`,
] as const;
/** Only their names tell that these are secrets. */
const named = Array.from({ length: 9 }, () => random(24));
const [first, second, third, inText, inJson, inAddress, inHeader, asOption, asItem] = named.map(String);
const inTexts = [
  `password=${inText}`,
  JSON.stringify({ apiKey: inJson, role: 'user' }),
  `https://example.org/?access_token=${inAddress}&page=2`,
  `Authorization: Basic ${inHeader}`,
  `tool --token ${asOption} --verbose`,
].join(', ');

const said = (secret: string) => `the key is ${secret}, keep it; ${inTexts}`;
const text = (stringValue: string) => ({ stringValue });
const attributesOf = (secret: string) => [
  { key: 'plain', value: text(said(secret)) },
  { key: `as.key.${secret}`, value: text('x') },
  {
    key: 'list',
    value: {
      arrayValue: { values: [text(secret), { kvlistValue: { values: [{ key: 'deep', value: text(secret) }] } }] },
    },
  },
  { key: 'gen_ai.input.messages', value: text(JSON.stringify([{ role: 'user', content: said(secret) }])) },
  { key: 'gen_ai.prompt.0.content', value: text(said(secret)) },
  { key: 'process.command_args', value: { arrayValue: { values: ['--token', asItem ?? ''].map(text) } } },
  { key: 'bytes', value: { bytesValue: Buffer.from(said(secret)).toString('base64') } },
  { key: 'api_key', value: text(first ?? '') },
  { key: 'nested', value: { kvlistValue: { values: [{ key: 'password', value: text(second ?? '') }] } } },
  { key: 'authorization', value: { arrayValue: { values: [text(third ?? '')] } } },
];

const id = (length: number) =>
  Array.from({ length: length * 2 }, () => '0123456789abcdef'[1 + Math.floor(Math.random() * 15)]).join('');
const tracesOf = (secret: string, idOf: (hex: string) => unknown) => ({
  resourceSpans: [
    {
      resource: { attributes: attributesOf(secret) },
      scopeSpans: [
        {
          scope: { name: said(secret), version: said(secret), attributes: attributesOf(secret) },
          schemaUrl: said(secret),
          spans: [
            {
              traceId: idOf(id(16)),
              spanId: idOf(id(8)),
              traceState: `vendor=${secret}`,
              name: said(secret),
              kind: 2,
              startTimeUnixNano: String(nowNs() - 1_000_000n),
              endTimeUnixNano: String(nowNs()),
              attributes: attributesOf(secret),
              events: [
                { timeUnixNano: String(nowNs()), name: said(secret), attributes: attributesOf(secret) },
                {
                  timeUnixNano: String(nowNs()),
                  name: 'gen_ai.user.message',
                  attributes: [{ key: 'content', value: text(said(secret)) }],
                },
              ],
              links: [
                {
                  traceId: idOf(id(16)),
                  spanId: idOf(id(8)),
                  traceState: `vendor=${secret}`,
                  attributes: attributesOf(secret),
                },
              ],
              status: { code: 2, message: said(secret) },
            },
          ],
        },
      ],
    },
  ],
});
const logsOf = (secret: string) => ({
  resourceLogs: [
    {
      resource: { attributes: attributesOf(secret) },
      scopeLogs: [
        {
          scope: { name: secret },
          logRecords: [{ body: text(said(secret)), severityText: secret, attributes: attributesOf(secret) }],
        },
      ],
    },
  ],
});
const metricsOf = (secret: string) => ({
  resourceMetrics: [
    {
      scopeMetrics: [
        {
          metrics: [
            {
              name: secret,
              description: said(secret),
              sum: { dataPoints: [{ asInt: '1', attributes: attributesOf(secret) }] },
            },
          ],
        },
      ],
    },
  ],
});

/** What bytes may say: as they are, and as what they were compressed from. */
const unpacked = (bytes: Buffer): string => {
  if (bytes.readUInt16BE(0) === 0x1f8b) return gunzipSync(bytes).toString('latin1');
  if (bytes.length > 4 && bytes.readUInt32LE(0) === 0xfd2fb528) return zstdDecompressSync(bytes).toString('latin1');
  return bytes.toString('latin1');
};

test('a secret that a bot says is nowhere afterwards', async () => {
  const { url: databaseUrl } = await postgres.createDatabase();
  const trace = await startTraceProcess({ databaseUrl, natsUrl: nats.url, level: 'debug' });
  const pool = createPool({
    url: databaseUrl,
    schema: 'trace',
    name: 'test',
    connectionsMax: 2,
    onError: () => undefined,
  });
  const reads = readsOn(pool);
  try {
    await reads('insert into signing_keys (key_id, public_key, simulated_only) values ($1, $2, false)', [
      key.keyId,
      key.publicKey,
    ]);
    const token = await tokenOf(newBot());
    const post = (signal: string, body: Buffer | string, headers: object) =>
      fetch(`${trace.url}/v1/${signal}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, ...headers },
        body: typeof body === 'string' ? body : new Uint8Array(body),
      });
    await until(async () => (await post('traces', '{}', asJson)).ok, { what: 'the token to be good' });
    for (const secret of secrets) {
      const protobuf = encode(tracesOf(secret, (hex) => Buffer.from(hex, 'hex')));
      const answers = [
        await post('traces', JSON.stringify(tracesOf(secret, (hex) => hex)), asJson),
        await post('traces', protobuf, { 'content-type': 'application/x-protobuf' }),
        await post('logs', JSON.stringify(logsOf(secret)), asJson),
        await post('metrics', JSON.stringify(metricsOf(secret)), asJson),
        // What cannot be taken is told to the log.
        await post('traces', `{"resourceSpans": "${JSON.stringify(secret).slice(1, -1)}"}`, asJson),
      ];
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 400]);
    }
    await until(async () => (await reads('select from failed_minutes')).length > 0, { what: 'failures counted' });
    expect(await reads('select from telemetry_bodies')).toHaveLength(2 * secrets.length);

    const places = new Map([['log', trace.words()]]);
    const tables = await reads<{ name: string }>(
      `select format('%I.%I', schemaname, tablename) as name from pg_tables
       where schemaname like 'trace%' or schemaname like 'molthub%'`,
    );
    expect(tables.length).toBeGreaterThan(20);
    for (const { name } of tables) {
      const rows = await reads(`select * from ${name}`);
      const each = rows.map((row) =>
        Object.values(row)
          .map((value) => (Buffer.isBuffer(value) ? unpacked(value) : (JSON.stringify(value) ?? '')))
          .join('\n'),
      );
      places.set(name, each.join('\n'));
    }
    const { stdout } = await promisify(execFile)('grep', ['-raohE', '.{0,200}', nats.storeDir], {
      maxBuffer: 2 ** 30,
      encoding: 'latin1',
    });
    places.set('bus', stdout);
    const planted = [...secrets.map((secret) => secret.split('\n')[1] ?? secret.slice(0, 24)), ...named];
    const found = [...places].flatMap(([place, words]) =>
      planted.filter((secret) => words.includes(secret)).map((secret) => `${secret} in ${place}`),
    );
    expect(found).toEqual([]);
    expect(places.get('trace.telemetry_bodies')).toContain('keep it');
    expect(places.get('bus')?.length).toBeGreaterThan(0);
  } finally {
    await pool.end();
    await trace.kill();
  }
});
