// The first key: made at the first start, written where only its owner can read it.
import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CreateApiKey } from '@molthub/contracts';
import { derivedId } from '@molthub/identity';
import type { Runtime } from '@molthub/service';
import { z } from 'zod';
import { formatKey, hashOf, keyFor, storeKey } from './api-key/secret.ts';
import { createAuthenticator, operatorsWorkspace } from './principal.ts';

const attemptsMax = 1_000;

/**
 * Makes sure that `path` holds an OWNER key of workspace `default` that works, with mode 600. A lost file is written
 * again with the same key; a revoked key is replaced by the next one.
 */
export const ensureAdminKey = async (parts: {
  readonly path: string;
  readonly runtime: Runtime;
  readonly secret: Buffer;
}): Promise<void> => {
  const { path, runtime, secret } = parts;
  if (await works(runtime, await textOf(path))) return;
  for (let ordinal = 1; ordinal <= attemptsMax; ordinal += 1) {
    const commandId = derivedId('admin-key', String(ordinal));
    const key = keyFor(secret, commandId);
    const state = await stateOf(runtime, commandId, hashOf(key.secret));
    if (state === 'unusable') continue;
    if (state === 'unknown') {
      const keyId = derivedId(commandId, '0');
      const data = { keyId, name: 'admin', role: 'OWNER' as const, scopes: [], fleetIds: [], expiresAt: null };
      const execution = { workspace: operatorsWorkspace, id: commandId, alongside: storeKey(keyId, key) };
      const outcome = await runtime.execute(CreateApiKey, data, execution);
      if (outcome.status !== 'DONE') throw new Error(`The admin key could not be made: ${JSON.stringify(outcome)}`);
    }
    await writePrivate(path, `${formatKey(key)}\n`);
    return;
  }
  throw new Error(`${attemptsMax} admin keys were made and revoked; that cannot be meant.`);
};

/** 32 random bytes, made on first use and kept in a file of mode 600; replicas must share it. */
export const ensureGatewaySecret = async (path: string): Promise<Buffer> => {
  const text = await textOf(path);
  if (text !== undefined) {
    const secret = Buffer.from(text, 'base64url');
    if (secret.length !== 32)
      throw new Error(`${path} must hold 32 bytes in base64url; restore it, or remove it to get a new one.`);
    return secret;
  }
  const secret = randomBytes(32);
  await writePrivate(path, secret.toString('base64url'));
  return secret;
};

const textOf = async (path: string): Promise<string | undefined> => {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new Error(`${path} cannot be read; make it readable for this user.`, { cause: error });
  }
};

const works = async (runtime: Runtime, key: string | undefined): Promise<boolean> => {
  if (!key) return false;
  try {
    const { role, workspace } = await createAuthenticator(runtime.reads).authenticate(`Bearer ${key}`);
    return role === 'OWNER' && workspace === operatorsWorkspace;
  } catch (error) {
    if (error instanceof Error && 'status' in error && error.status === 401) return false;
    throw error;
  }
};

const Row = z.object({ hash: z.instanceof(Buffer), revoked: z.boolean() });

const stateOf = async (runtime: Runtime, commandId: string, hash: Buffer): Promise<'unknown' | 'good' | 'unusable'> => {
  const rows = await runtime.reads(
    `select h.hash, k.revoked_at is not null as revoked from api_keys k join api_key_hashes h on h.key_id = k.id
     where k.id = $1`,
    [derivedId(commandId, '0')],
  );
  if (!rows[0]) return 'unknown';
  const row = Row.parse(rows[0]);
  return !row.revoked && row.hash.equals(hash) ? 'good' : 'unusable';
};

/** Written beside and moved there: nobody ever reads half of it, or one with a wider mode. */
const writePrivate = async (path: string, text: string): Promise<void> => {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const beside = `${path}.${process.pid}.new`;
  const file = await open(beside, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(beside, path);
};
