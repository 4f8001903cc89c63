// The same key gives the same answer, also after a crash: by a derived command id, and by answers that are kept.
import { HttpProblem } from '@molthub/http';
import { derivedId } from '@molthub/identity';
import type { Job, Runtime } from '@molthub/service';
import { z } from 'zod';
import type { Principal } from './principal.ts';
import type { Answer } from './route.ts';

const Kept = z.object({
  status: z.int(),
  body: z.unknown().optional(),
  headers: z.record(z.string(), z.string()).optional(),
  contentType: z.string().optional(),
});

export type Idempotency = {
  /** The kept answer of an earlier request; undefined when this one is to be carried out. Throws 409 for another body. */
  readonly begin: (id: string, bodyHash: string) => Promise<Answer | undefined>;
  readonly finish: (id: string, answer: Answer) => Promise<void>;
};

const answerBytesMax = 256 * 1024;

/** The id of the command that a request with this key is; the key is one of this principal, method and path alone. */
export const commandIdOf = (principal: Principal, method: string, path: string, key: string): string =>
  derivedId(JSON.stringify([principal.workspace, principal.keyId, method, path]), key);

/** The Idempotency-Key of a request. Throws 400 for one that is no visible ASCII of up to 255 characters. */
export const idempotencyKeyOf = (header: string | string[] | undefined): string | undefined => {
  if (header === undefined) return undefined;
  if (typeof header === 'string' && /^[\x21-\x7e]{1,255}$/.test(header)) return header;
  throw new HttpProblem({
    status: 400,
    code: 'gateway.invalid-idempotency-key',
    detail: 'Idempotency-Key must be 1 to 255 visible ASCII characters, such as a UUID.',
    errors: [
      { path: 'Idempotency-Key', code: 'invalid-idempotency-key', message: '1 to 255 visible ASCII characters' },
    ],
  });
};

const Row = z.object({ bodyHash: z.string(), answer: Kept.nullable() });

export const createIdempotency = (runtime: Runtime): Idempotency => ({
  begin: async (id, bodyHash) => {
    const rows = await runtime.write((sql) =>
      sql(
        `with mine as (insert into idempotency (id, body_hash) values ($1, $2) on conflict do nothing)
         select body_hash as "bodyHash", answer from idempotency where id = $1`,
        [id, bodyHash],
      ),
    );
    // The statement sees what was there before it: no row means that this request is the first.
    if (!rows[0]) return undefined;
    const known = Row.parse(rows[0]);
    if (known.bodyHash !== bodyHash) throw reused();
    return known.answer ? answerOf(known.answer) : undefined;
  },
  finish: async (id, answer) => {
    const text = JSON.stringify(answer);
    // A larger answer is made again from the command's stored outcome.
    if (text.length > answerBytesMax) return;
    await runtime.write((sql) => sql('update idempotency set answer = $2 where id = $1', [id, text]));
  },
});

const answerOf = ({ status, body, headers, contentType }: z.infer<typeof Kept>): Answer => ({
  status,
  ...(body === undefined ? {} : { body }),
  ...(headers ? { headers } : {}),
  ...(contentType ? { contentType } : {}),
});

const reused = () =>
  new HttpProblem({
    status: 409,
    code: 'gateway.idempotency-key-reused',
    detail: 'This Idempotency-Key was used for another body; take a new key for a new request.',
  });

/** Kept for a day, and never more than so many: a flood of keys is no way to fill the disk. */
export const idempotencyRetention = (rowsMax: number): Job => ({
  name: 'idempotency-retention',
  single: true,
  run: async (runtime, signal) => {
    while (!signal.aborted) {
      await runtime.write(async (sql) => {
        await sql(
          `delete from idempotency where id in (
             select id from idempotency where created_at < now() - interval '24 hours' limit 50000)`,
        );
        await sql(
          `delete from idempotency where id in (select id from idempotency order by created_at desc offset $1 limit 50000)`,
          [rowsMax],
        );
      });
      await runtime.write((sql) => sql('delete from tickets where expires_at < now()'));
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 60_000);
        signal.addEventListener('abort', () => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  },
});
