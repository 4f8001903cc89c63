import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '@molthub/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { desiredBot } from '../target.conformance.ts';
import { type Place, placeOf } from './local-place.ts';
import { createSupervisor, type Supervisor } from './local-supervisor.ts';

let home = '';
let place: Place;
let supervisor: Supervisor;
let server: Server;
let port = 0;
let status = 200;
let changes = 0;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'molthub-supervisor-'));
  place = placeOf(home, desiredBot().botId);
  await mkdir(place.dirs.root, { recursive: true });
  await writeFile(place.dirs.configFile, '{}');
  [status, changes] = [200, 0];
  server = createServer((_request, response) => {
    // A status of 0 stands for a bot that takes the request and never answers.
    if (status > 0) response.writeHead(status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  port = typeof address === 'object' && address ? address.port : 0;
  supervisor = createSupervisor({
    hungAfterMs: 100,
    startGraceMs: 60_000,
    changed: () => {
      changes += 1;
    },
    failed: (_botId, error) => {
      throw error;
    },
  });
});
afterEach(async () => {
  supervisor.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(home, { recursive: true, force: true });
});

test('a changed, a replaced and a removed configuration file are noticed', async () => {
  supervisor.look(place, port, null);
  for (const change of [
    () => writeFile(place.dirs.configFile, '{ broken'),
    () => rm(place.dirs.configFile),
    () => writeFile(place.dirs.configFile, '{}'),
  ]) {
    const before = changes;
    await change();
    await until(() => changes > before, { what: 'the change to be noticed', timeoutMs: 3_000 });
  }
});

test('a bot hangs when it was silent for longer than it may be, not when it is late once', async () => {
  expect(await supervisor.answers(place, port, null)).toBe('yes');
  status = 0;
  expect(['not-yet', 'no']).toContain(await supervisor.answers(place, port, null));
  expect(await supervisor.answers(place, port, null)).toBe('no');
  status = 200;
  expect(await supervisor.answers(place, port, null)).toBe('yes');
});

test('a bot that has just been started may be silent for as long as a start takes', async () => {
  status = 503;
  supervisor.look(place, port, Date.now());
  expect(await supervisor.answers(place, port, Date.now())).toBe('not-yet');
});

test('a log without end is cut', async () => {
  await writeFile(place.dirs.logFile, Buffer.alloc(17 * 1_048_576, 'x\n'));
  supervisor.look(place, port, null);
  await until(async () => (await stat(place.dirs.logFile)).size < 1_048_576, { what: 'the log to be cut' });
});
