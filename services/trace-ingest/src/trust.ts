// Whose tokens are good: the keys that others published and the tokens that were revoked, kept in memory.
import { setTimeout as delay } from 'node:timers/promises';
import type { Reads } from '@molthub/event-store';
import { createVerifier, type IngestClaims, type TrustedKey } from '@molthub/ingest-token';
import { z } from 'zod';
import { Refusal } from './otlp/refusal.ts';

export type Trust = {
  /** Who sent a request with this token; refuses with 401 and what to do about it. */
  readonly claimsOf: (token: string | null) => Promise<IngestClaims>;
  /** Reads keys and revocations anew; also done every `refreshEveryMs`, and at once for a key not seen before. */
  readonly refresh: () => Promise<void>;
  readonly close: () => void;
};

const StoredKey = z.object({
  key_id: z.string(),
  public_key: z.record(z.string(), z.string()),
  simulated_only: z.boolean(),
});

/**
 * Reads from the service's tables, which a listener of one of the replicas fills. A revocation takes effect within
 * `refreshEveryMs` (default 1 s). While the database is away, what was known last stays good.
 */
export const openTrust = async (
  reads: Reads,
  { refreshEveryMs = 1_000, onFault }: { readonly refreshEveryMs?: number; readonly onFault: (error: unknown) => void },
): Promise<Trust> => {
  const keys = new Map<string, TrustedKey>();
  const revoked = new Set<string>();
  const { verify } = createVerifier(() => keys);
  let refreshing: Promise<void> | null = null;
  let next: Promise<void> | null = null;
  let fresh: Promise<void> | null = null;
  let begunAt = 0;

  const read = async () => {
    const stored = z.array(StoredKey).parse(await reads('select key_id, public_key, simulated_only from signing_keys'));
    for (const { key_id, public_key, simulated_only } of stored) {
      const known = keys.get(key_id);
      // The same object as before, so that what was derived from it is found again.
      if (known?.publicKey['x'] === public_key['x'] && known?.simulatedOnly === simulated_only) continue;
      keys.set(key_id, { publicKey: public_key, simulatedOnly: simulated_only });
    }
    for (const row of await reads<{ token_id: string }>('select token_id from revoked_tokens'))
      revoked.add(row.token_id);
  };
  const begin = (): Promise<void> => {
    next = null;
    begunAt = Date.now();
    refreshing = read().finally(() => {
      refreshing = null;
    });
    return refreshing;
  };
  /** One under way may have read before that was committed of which it is told now: then another follows it. */
  const refresh = (): Promise<void> => {
    if (!refreshing) return begin();
    next ??= refreshing.then(begin, begin);
    return next;
  };
  /** A read that begins after this is called, shared by all who wait for one. */
  const readAgain = (): Promise<void> => {
    fresh ??= delay(Math.max(0, begunAt + unknownKeyEveryMs - Date.now())).then(() => {
      fresh = null;
      return refresh();
    });
    return fresh;
  };

  await refresh();
  const timer = setInterval(() => void refresh().catch(onFault), refreshEveryMs).unref();

  const claimsOf = async (token: string | null) => {
    if (token === null) {
      throw new Refusal(401, 'Send the ingest token of the bot: Authorization: Bearer <token>, or x-molthub-token.');
    }
    let verdict = await verify(token);
    if (verdict.status === 'refused' && verdict.reason === 'unknown-key') {
      await readAgain().catch((cause: unknown) => {
        throw new Refusal(503, 'Whose token this is cannot be known now; send again later.', { cause });
      });
      verdict = await verify(token);
    }
    if (verdict.status === 'refused') throw new Refusal(401, verdict.message);
    if (revoked.has(verdict.claims.tokenId)) throw new Refusal(401, 'The token was revoked. Take a new one.');
    return verdict.claims;
  };
  return { claimsOf, refresh, close: () => clearInterval(timer) };
};

/** Tokens of unknown keys make the database be asked at most this often. */
const unknownKeyEveryMs = 100;
