import {
  appendFileSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isHeldElsewhere, lastLogLines, trimLog } from './bot-log.ts';

let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'molthub-log-'));
  path = join(folder, 'bot.log');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('the last lines are read, without control characters and without end', async () => {
  expect(await lastLogLines(path, 3)).toEqual([]);
  writeFileSync(path, `one\ntwo\u001b[31m red\nthree ${'x'.repeat(5_000)}\nfour\n`);
  const lines = await lastLogLines(path, 3);
  expect(lines.map((line) => line.slice(0, 9))).toEqual(['two [31m ', 'three xxx', 'four']);
  expect(lines[1]).toHaveLength(2_000);
});

test('a log that a running bot fills is cut, and the bot goes on at its new end', async () => {
  const bot = openSync(path, 'a');
  writeSync(bot, 'x'.repeat(17 * 1_048_576));
  expect(await trimLog(path)).toBe('trimmed');
  writeSync(bot, 'after\n');
  expect(statSync(path).size).toBe(6);
  expect(statSync(`${path}.1`).size).toBe(1_048_576);
  expect(await trimLog(path)).toBe('small');
});

test('a log that is a link is not followed', async () => {
  appendFileSync(join(folder, 'other'), 'secret\n');
  symlinkSync(join(folder, 'other'), path);
  await expect(lastLogLines(path, 1)).rejects.toThrow(/ELOOP/);
});

test('the output of one start is told from that of the one before, also when the log was cut between', async () => {
  writeFileSync(path, 'before\n');
  const from = statSync(path).size;
  appendFileSync(path, 'one\ntwo\n');
  expect(await lastLogLines(path, 5, from)).toEqual(['one', 'two']);
  expect(await lastLogLines(path, 5, 1_000)).toEqual(['before', 'one', 'two']);
});

test.each([
  ['gateway.maintenance_required StateDatabaseCoordinatorContentionError: another OpenClaw process owns it', true],
  ['Another gateway (pid 12) already owns this state directory; stop it first', true],
  ['gateway already running (pid 12); lock timeout after 5000ms', true],
  ['existing config is missing gateway.mode', false],
])('%s', (line, isHeld) => {
  expect(isHeldElsewhere(line)).toBe(isHeld);
});
