// What a caller holds: `mh_<prefix>_<secret>`. Here is only its prefix and the SHA-256 of its 256-bit secret.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Sql } from '@molthub/event-store';

export type KeyText = { readonly prefix: string; readonly secret: string };

const form = /^mh_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/;

/** The parts of a key as a caller sends it, or undefined for what cannot be one. */
export const parseKey = (text: string): KeyText | undefined => {
  const [, prefix, secret] = form.exec(text) ?? [];
  return prefix !== undefined && secret !== undefined ? { prefix, secret } : undefined;
};

export const formatKey = ({ prefix, secret }: KeyText): string => `mh_${prefix}_${secret}`;

/** The key that a command makes: the same for a repeat of it, so that its answer can be given again without keeping it. */
export const keyFor = (gatewaySecret: Buffer, commandId: string): KeyText => {
  const derived = (purpose: string) =>
    createHmac('sha256', gatewaySecret).update(`${purpose}\u0000${commandId}`).digest();
  return {
    prefix: derived('api-key-prefix').toString('hex').slice(0, 16),
    secret: derived('api-key-secret').toString('base64url'),
  };
};

export const hashOf = (secret: string): Buffer => createHash('sha256').update(secret).digest();

/** Compares without telling by its time how much was right. */
export const isSecret = (secret: string, hash: Buffer): boolean => timingSafeEqual(hashOf(secret), hash);

/** Writes what a key is recognised by; goes into the transaction that creates the key. */
export const storeKey =
  (keyId: string, { prefix, secret }: KeyText) =>
  (sql: Sql) =>
    sql('insert into api_key_hashes (prefix, key_id, hash) values ($1, $2, $3) on conflict do nothing', [
      prefix,
      keyId,
      hashOf(secret),
    ]);
