import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { resolveSecrets } from './local-secrets.ts';

let home = '';
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'molthub-secrets-'));
  await mkdir(join(home, 'bot-secrets', 'acme', 'team'), { recursive: true });
  await mkdir(join(home, 'bot-secrets', 'other'), { recursive: true });
  await mkdir(join(home, 'secrets'), { recursive: true });
  await writeFile(join(home, 'bot-secrets', 'acme', 'team', 'key'), 'from a file\n');
  await writeFile(join(home, 'bot-secrets', 'other', 'key'), "another workspace's");
  await writeFile(join(home, 'secrets', 'gateway.secret'), 'what API keys follow from');
  await writeFile(join(home, 'admin.key'), "Molthub's own");
});
afterEach(() => rm(home, { recursive: true, force: true }));

const secretEnv = { OPENAI_KEY: 'from the environment' };
const resolve = (provider: 'env' | 'file' | 'vault', key: string) =>
  resolveSecrets([{ name: 'KEY', provider, key }], { home, workspace: 'acme', secretEnv });
const refused = { code: 'reconciler.secret-missing', errors: [{ path: 'spec.secrets.KEY', code: 'missing' }] };

test('a secret comes from the environment or from a file of its workspace', async () => {
  expect(await resolve('env', 'OPENAI_KEY')).toEqual({ KEY: 'from the environment' });
  expect(await resolve('file', 'team/key')).toEqual({ KEY: 'from a file' });
});

test.each(['PATH', 'HOME', 'constructor', 'NOT_NAMED'])(
  '%s is given to no bot unless the operator named it',
  async (key) => {
    await expect(resolve('env', key)).rejects.toMatchObject(refused);
  },
);

test("no path and no link leads to Molthub's own secrets or to another workspace's", async () => {
  await symlink(join(home, 'admin.key'), join(home, 'bot-secrets', 'acme', 'link'));
  const outside = ['gateway.secret', '../../secrets/gateway.secret', '../other/key', '../../admin.key'];
  for (const key of [...outside, 'link', '/etc/hostname', 'team', 'missing', 'team/key/below']) {
    await expect(resolve('file', key)).rejects.toMatchObject(refused);
  }
});

test('a provider that this target has not is refused by name', async () => {
  await expect(resolve('vault', 'x')).rejects.toMatchObject(refused);
});
