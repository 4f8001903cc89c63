import { generateKey, sign } from '@molthub/ingest-token';
import { expect, test } from 'vitest';
import { openTrust } from './trust.ts';

const claims = {
  tokenId: '0199c0de-0000-7000-8000-000000000001',
  botId: '0199c0de-0000-7000-8000-000000000002',
  workspace: 'default',
  fleetId: null,
  simulated: false,
  expiresAt: new Date(Date.now() + 60_000).toISOString(),
};

/** Keys as they stand in the table; a read that is held answers what stood there when it began. */
const table = () => {
  const keys: Record<string, unknown>[] = [];
  let held: Promise<void> | undefined;
  const reads = async <Row>(text: string): Promise<Row[]> => {
    const rows = text.includes('signing_keys') ? [...keys] : [];
    await held;
    return JSON.parse(JSON.stringify(rows));
  };
  return {
    reads,
    add: ({ keyId, publicKey }: ReturnType<typeof generateKey>) =>
      keys.push({ key_id: keyId, public_key: publicKey, simulated_only: false }),
    hold: (until: Promise<void> | undefined) => {
      held = until;
    },
  };
};

test('a key that is committed while the keys are being read is known when its token comes', async () => {
  const { reads, add, hold } = table();
  const trust = await openTrust(reads, { refreshEveryMs: 3_600_000, onFault: () => undefined });
  const [first, second] = [generateKey(), generateKey()];
  const gate = Promise.withResolvers<void>();
  add(first);
  hold(gate.promise);
  const one = trust.refresh();
  add(second);
  const other = trust.refresh();
  hold(undefined);
  const asked = trust.claimsOf(await sign(claims, second));
  gate.resolve();
  await Promise.all([one, other]);
  expect(await asked).toMatchObject({ botId: claims.botId });
  trust.close();
});

test('a key that is committed right after a read is known when its token comes: senders do not try again after a 401', async () => {
  const { reads, add } = table();
  const trust = await openTrust(reads, { refreshEveryMs: 3_600_000, onFault: () => undefined });
  const key = generateKey();
  await trust.refresh();
  add(key);
  expect(await trust.claimsOf(await sign(claims, key))).toMatchObject({ botId: claims.botId });
  trust.close();
});

test('an unknown key is put off while the database does not say, and refused once it does', async () => {
  const { reads, hold } = table();
  const faults: unknown[] = [];
  const trust = await openTrust(reads, { refreshEveryMs: 3_600_000, onFault: (error) => faults.push(error) });
  const token = await sign(claims, generateKey());
  const away = Promise.reject(new Error('no database'));
  // The read that waits for it begins later.
  away.catch(() => undefined);
  hold(away);
  await expect(trust.claimsOf(token)).rejects.toMatchObject({ status: 503 });
  hold(undefined);
  await expect(trust.claimsOf(token)).rejects.toMatchObject({ status: 401 });
  trust.close();
});

test('many tokens of unknown keys make the keys be read once in a tenth of a second', async () => {
  const { reads } = table();
  let count = 0;
  const counted = async <Row>(text: string): Promise<Row[]> => {
    if (text.includes('signing_keys')) count += 1;
    return reads<Row>(text);
  };
  const trust = await openTrust(counted, { refreshEveryMs: 3_600_000, onFault: () => undefined });
  const token = await sign(claims, generateKey());
  const refused = await Promise.allSettled(Array.from({ length: 200 }, () => trust.claimsOf(token)));
  expect(refused.every(({ status }) => status === 'rejected')).toBe(true);
  expect(count).toBe(2);
  trust.close();
});
