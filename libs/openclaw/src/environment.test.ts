import { Rejected } from '@molthub/decider';
import { expect, test } from 'vitest';
import { botDirs, botEnvironment, environmentReasons } from './environment.ts';

const dirs = botDirs('/bots/1');
const node = '/runtime/bin/node';

test('a bot gets exactly this environment and nothing of its parent', () => {
  const machineEnv = { LANG: 'C.UTF-8', DATABASE_URL: 'postgres://secret', PATH: '/evil', NODE_OPTIONS: '--require x' };
  expect(botEnvironment({ dirs, node, hasChannels: false, env: { OPENAI_API_KEY: 'k' }, machineEnv })).toEqual({
    LANG: 'C.UTF-8',
    OPENAI_API_KEY: 'k',
    PATH: '/runtime/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: '/bots/1/home',
    TMPDIR: '/bots/1/tmp',
    OPENCLAW_STATE_DIR: '/bots/1/state',
    OPENCLAW_CONFIG_PATH: '/bots/1/openclaw.json',
    OPENCLAW_NO_RESPAWN: '1',
    OPENCLAW_NO_AUTO_UPDATE: '1',
    OPENCLAW_DISABLE_BONJOUR: '1',
    OPENCLAW_EXEC_SHELL_SNAPSHOT: '0',
    DO_NOT_TRACK: '1',
    OPENCLAW_SKIP_CHANNELS: '1',
  });
});

test('a bot with channels may start them', () => {
  expect(botEnvironment({ dirs, node, hasChannels: true })).not.toHaveProperty('OPENCLAW_SKIP_CHANNELS');
});

const reserved = `
  NODE_OPTIONS NODE_PATH NODE_EXTRA_CA_CERTS LD_PRELOAD LD_LIBRARY_PATH DYLD_INSERT_LIBRARIES PATH Path
  npm_config_registry NPM_TOKEN OPENCLAW_STATE_DIR OPENCLAW_GATEWAY_TOKEN HOME TMPDIR DATABASE_URL NATS_URL
  PGPASSWORD HTTP_PROXY https_proxy ALL_PROXY NO_PROXY BASH_ENV ENV GIT_SSH_COMMAND MOLTHUB_HOME PYTHONPATH
  PERL5OPT RUBYOPT JAVA_TOOL_OPTIONS SSL_CERT_FILE DO_NOT_TRACK SHELL IFS`
  .trim()
  .split(/\s+/);
for (const name of reserved) {
  test(`${name} is refused in spec.env`, () => {
    expect(environmentReasons({ [name]: 'x' })).toEqual([
      expect.objectContaining({ path: `spec.env.${name}`, code: 'reserved-name' }),
    ]);
    expect(() => botEnvironment({ dirs, node, hasChannels: false, env: { [name]: 'x' } })).toThrow(Rejected);
  });
}

test('names that no shell would take, NUL, and values or lists without bound are refused', () => {
  for (const name of ['A B', 'A=B', '1A', '', '-x', 'Ä', '__proto__;']) {
    expect(environmentReasons({ [name]: 'x' })).toEqual([expect.objectContaining({ code: 'bad-name' })]);
  }
  expect(environmentReasons({ A: 'a\0b' })).toEqual([expect.objectContaining({ code: 'bad-value' })]);
  expect(environmentReasons({ A: 'x'.repeat(32_769) })).toEqual([expect.objectContaining({ code: 'too-long' })]);
  expect(environmentReasons({ A: 'x'.repeat(32_768) })).toEqual([]);
  const many = Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`V${i}`, 'x']));
  expect(environmentReasons(many)).toEqual([expect.objectContaining({ path: 'spec.env', code: 'too-many' })]);
});

test('what a shell would read is passed on as it is', () => {
  const env = { GREETING: '$(id);`x` "\'%\n\\ 🦞', SERVICE_URL: 'http://x' };
  expect(botEnvironment({ dirs, node, hasChannels: false, env })).toMatchObject(env);
});
