// Makes the gateway's signing key on first use, and says its public half to everyone who checks tokens.
import { platformWorkspace, PublishSigningKey } from '@molthub/contracts';
import { generateKey, type SigningKey } from '@molthub/ingest-token';
import { derivedId } from '@molthub/identity';
import type { Runtime } from '@molthub/service';
import { z } from 'zod';

const Half = z.record(z.string(), z.string());
const Row = z.object({ keyId: z.string(), privateKey: Half, publicKey: Half });

/** The one key of this installation; replicas that start together agree on one. Its private half stays in its table. */
export const ensureSigningKey = async (runtime: Runtime): Promise<SigningKey> => {
  const known = await newest(runtime);
  const key = known ?? (await make(runtime));
  // Said again at each start: a start that ended between making and saying leaves nothing unsaid.
  await runtime.execute(
    PublishSigningKey,
    { keyId: key.keyId, publicKey: { ...key.publicKey } },
    { workspace: platformWorkspace, id: derivedId(key.keyId, 'publish') },
  );
  return key;
};

const newest = async (runtime: Runtime): Promise<SigningKey | undefined> => {
  const rows = await runtime.reads(
    `select key_id as "keyId", private_key as "privateKey", public_key as "publicKey" from signing_keys
     order by created_at desc limit 1`,
  );
  return rows[0] ? Row.parse(rows[0]) : undefined;
};

const make = async (runtime: Runtime): Promise<SigningKey> => {
  const { keyId, privateKey, publicKey } = generateKey();
  await runtime.write(async (sql) => {
    await sql('lock table signing_keys in exclusive mode');
    await sql(
      `insert into signing_keys (key_id, private_key, public_key)
       select $1, $2::jsonb, $3::jsonb where not exists (select from signing_keys)`,
      [keyId, JSON.stringify(privateKey), JSON.stringify(publicKey)],
    );
  });
  const key = await newest(runtime);
  if (!key) throw new Error('The signing key was written and is not there.');
  return key;
};
