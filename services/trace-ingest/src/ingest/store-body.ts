// Metrics and logs are kept as they came but for secrets: what was answered 200 must be there.
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Sql } from '@molthub/event-store';
import type { Encoding } from '../otlp/decode-spans.ts';
import type { Rules } from '../redaction-rules.ts';
import { redactBody } from './redact-body.ts';
import type { Source } from './stored.ts';

export type Signal = 'metrics' | 'logs';
export type SignalBody = { readonly signal: Signal; readonly encoding: Encoding; readonly body: Buffer };

const compress = promisify(gzip);

/** Compresses outside of the transaction; answers what stores it. The same body of a bot is stored once. */
export const bodyToStore = async (source: Source, { signal, encoding, body }: SignalBody, rules: Rules | null) => {
  const digest = createHash('sha256').update(body).digest();
  const compressed = await compress(await redactBody({ signal, encoding, body }, rules?.begin()));
  return (sql: Sql) =>
    sql(
      `insert into telemetry_bodies (workspace, bot_id, signal, encoding, digest, body) values ($1, $2, $3, $4, $5, $6)
       on conflict do nothing`,
      [source.workspace, source.botId, signal, encoding, digest, compressed],
    );
};
