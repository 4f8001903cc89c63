// A bot's log files: their end for people, and a limit that a talkative bot cannot pass.
import { constants } from 'node:fs';
import { type FileHandle, open, writeFile } from 'node:fs/promises';
import { plainText } from './gateway-error.ts';

const LOG_BYTES_MAX = 16 * 1_048_576;
const KEPT_BYTES = 1_048_576;
const LINE_CHARACTERS_MAX = 2_000;

/**
 * The last lines of a log, oldest first, control characters taken out; none from before byte `from`. No file, no lines.
 */
export async function lastLogLines(path: string, linesMax: number, from = 0): Promise<readonly string[]> {
  const end = await readEnd(path, Math.min(linesMax * LINE_CHARACTERS_MAX, KEPT_BYTES), from);
  const lines = end.text.split('\n').filter((line) => line !== '');
  const whole = end.fromStart ? lines : lines.slice(1);
  return whole.slice(-linesMax).map((line) => plainText(line, LINE_CHARACTERS_MAX));
}

/**
 * Whether a line of a process log says that the bot did not start since another process owns its state: that passes when
 * the other one ends. Words of 2026.8.1 and 2026.9.6, and of older ones that answer with exit code 0.
 */
export const isHeldElsewhere = (line: string): boolean =>
  /StateDatabaseCoordinatorContentionError|already owns this state directory|gateway already running/i.test(line);

/**
 * Cuts a log that has passed 16 MiB; its last MiB is kept beside it as `.1`. Whoever has it open for appending goes
 * on at
 * the new end, so that this works on a running bot.
 */
export async function trimLog(path: string): Promise<'trimmed' | 'small'> {
  const file = await openLog(path, constants.O_RDWR);
  if (file === undefined) return 'small';
  try {
    const { size } = await file.stat();
    if (size <= LOG_BYTES_MAX) return 'small';
    const end = await readEnd(path, KEPT_BYTES);
    await writeFile(`${path}.1`, end.text, { mode: 0o600 });
    await file.truncate(0);
    return 'trimmed';
  } finally {
    await file.close();
  }
}

async function readEnd(
  path: string,
  bytesMax: number,
  from = 0,
): Promise<{ readonly text: string; readonly fromStart: boolean }> {
  const file = await openLog(path, constants.O_RDONLY);
  if (file === undefined) return { text: '', fromStart: true };
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new Error(`${path} is not a regular file.`);
    // A log that is shorter than it was has been cut.
    const first = from > stat.size ? 0 : from;
    const start = Math.max(stat.size - bytesMax, first);
    const buffer = Buffer.alloc(Math.min(stat.size, bytesMax));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, start);
    return { text: buffer.subarray(0, bytesRead).toString('utf8'), fromStart: start === first };
  } finally {
    await file.close();
  }
}

async function openLog(path: string, flags: number): Promise<FileHandle | undefined> {
  try {
    return await open(path, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
