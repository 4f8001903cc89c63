import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newId } from '@molthub/identity';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { markedOn } from './local-marked.ts';
import { nodeIdOf, placeOf, prepare } from './local-place.ts';

let home = '';
let nodeId = '';
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'molthub-marked-'));
  nodeId = await nodeIdOf(home);
});
afterEach(() => rm(home, { recursive: true, force: true }));

const made = async (by = nodeId) => {
  const botId = newId();
  await prepare(home, placeOf(home, botId), by, 'acme');
  return botId;
};

test('a folder has the mark when this machine made it for the bot that it is named after', async () => {
  const botId = await made();
  expect(await markedOn(home, nodeId)).toEqual([
    { botId, workspace: 'acme', pid: null, detail: `its folder bots/${botId} is left` },
  ]);
});

test('folders of another machine, of no bot, without or with somebody else’s identity have none', async () => {
  await made('another-machine');
  const [copied, empty] = [newId(), newId()];
  const botId = await made();
  const { root } = placeOf(home, copied).dirs;
  await mkdir(root);
  await copyFile(join(placeOf(home, botId).dirs.root, 'identity.json'), join(root, 'identity.json'));
  await mkdir(placeOf(home, empty).dirs.root);
  await mkdir(join(home, 'bots', 'notes'));
  expect((await markedOn(home, nodeId)).map((one) => one.botId)).toEqual([botId]);
});

test('a home without bots has nothing of them', async () => expect(await markedOn(home, nodeId)).toEqual([]));

test.runIf(process.platform === 'linux')('a process has it although its folder is gone', async () => {
  const botId = newId();
  const child = spawn(process.execPath, ['-e', "process.stdout.write('up'); setInterval(() => {}, 1_000)"], {
    env: { OPENCLAW_STATE_DIR: placeOf(home, botId).dirs.state },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(child.stdout, 'data');
  try {
    expect(await markedOn(home, nodeId)).toMatchObject([{ botId, pid: child.pid }]);
  } finally {
    child.kill('SIGKILL');
  }
});
