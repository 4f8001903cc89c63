// Watches the bots of this machine: does the process live, does it answer, did its configuration file change.
import { type FSWatcher, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { get } from 'node:http';
import { basename } from 'node:path';
import { findBotProcess, isAlive, type ProcessIdentity, trimLog } from '@molthub/openclaw';
import type { Place } from './local-place.ts';

export type SupervisorSettings = {
  /** A bot that has not answered for this long hangs. Its event loop may be late by seconds without that. */
  readonly hungAfterMs: number;
  /** A start may take this long before silence means anything. */
  readonly startGraceMs: number;
  readonly changed: (botId: string) => void;
  readonly failed: (botId: string, error: unknown) => void;
};

export type Supervisor = {
  /** Begins to watch a bot, or takes note that it was started anew. */
  readonly look: (place: Place, port: number, startedAt: number | null) => void;
  readonly forget: (botId: string) => void;
  /** Asks the bot now; one that was not watched yet is from now on. */
  readonly answers: (place: Place, port: number, startedAt: number | null) => Promise<'yes' | 'no' | 'not-yet'>;
  readonly close: () => void;
};

type Watched = {
  readonly place: Place;
  readonly port: number;
  readonly files: FSWatcher | null;
  process: ProcessIdentity | null;
  silentFrom: number;
  fileStamp: string;
  isBusy: boolean;
  askedAt: number;
  trimmedAt: number;
};

const tickMs = 500;
const askEveryMs = 5_000;
const trimEveryMs = 30_000;
const answerTimeoutMs = 2_000;
const settleMs = 50;

export const createSupervisor = (settings: SupervisorSettings): Supervisor => {
  const bots = new Map<string, Watched>();
  const tick = async (botId: string, watched: Watched) => {
    watched.isBusy = true;
    try {
      if (await hasChanged(watched)) settings.changed(botId);
      if (watched.process !== null && Date.now() - watched.askedAt >= askEveryMs) {
        if (!(await ask(watched))) settings.changed(botId);
      }
      if (Date.now() - watched.trimmedAt >= trimEveryMs) await trim(watched);
    } catch (error) {
      settings.failed(botId, error);
    } finally {
      watched.isBusy = false;
    }
  };
  const timer = setInterval(() => {
    for (const [botId, watched] of bots) if (!watched.isBusy) void tick(botId, watched);
  }, tickMs);
  timer.unref();

  const forget = (botId: string) => {
    bots.get(botId)?.files?.close();
    bots.delete(botId);
  };
  const look = (place: Place, port: number, startedAt: number | null): Watched => {
    const { botId } = place;
    const graceUntil = startedAt === null ? 0 : startedAt + settings.startGraceMs;
    forget(botId);
    const watched: Watched = {
      place,
      port,
      files: watchFile(place, () => settings.changed(botId)),
      process: null,
      silentFrom: Math.max(Date.now(), graceUntil),
      fileStamp: '',
      isBusy: false,
      askedAt: 0,
      trimmedAt: 0,
    };
    bots.set(botId, watched);
    return watched;
  };
  return {
    look: (place, port, startedAt) => {
      look(place, port, startedAt);
    },
    forget,
    answers: async (place, port, startedAt) => {
      const watched = bots.get(place.botId) ?? look(place, port, startedAt);
      if (await ask(watched)) return 'yes';
      return Date.now() - watched.silentFrom > settings.hungAfterMs ? 'no' : 'not-yet';
    },
    close: () => {
      clearInterval(timer);
      for (const botId of bots.keys()) forget(botId);
    },
  };
};

/** The process ended or is another one, or the file is not the one seen before. The watcher may miss what this sees. */
const hasChanged = async (watched: Watched): Promise<boolean> => {
  const { place } = watched;
  const stamp = await stampOf(place.dirs.configFile);
  const isOtherFile = watched.fileStamp !== '' && watched.fileStamp !== stamp;
  watched.fileStamp = stamp;
  if (watched.process === null) {
    watched.process = (await findBotProcess(place.dirs)) ?? null;
    return isOtherFile;
  }
  if (await isAlive(watched.process)) return isOtherFile;
  watched.process = null;
  return true;
};

const ask = async (watched: Watched): Promise<boolean> => {
  watched.askedAt = Date.now();
  const isAnswered = await isAnswering(watched.port);
  if (isAnswered) watched.silentFrom = Date.now();
  return isAnswered;
};

/** A bot that talks without end must not fill the disk. */
const trim = async (watched: Watched): Promise<void> => {
  watched.trimmedAt = Date.now();
  await trimLog(watched.place.dirs.logFile);
  await trimLog(watched.place.dirs.processLogFile);
};

/** An answer in time; an open port or a living process say nothing. */
const isAnswering = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const request = get(
      { host: '127.0.0.1', port, path: '/healthz', agent: false, timeout: answerTimeoutMs },
      (response) => {
        resolve(response.statusCode === 200);
        response.destroy();
      },
    );
    // The timeout above begins anew with every byte; a bot that drips bytes must not hold the look up.
    const limit = setTimeout(() => request.destroy(), answerTimeoutMs);
    request.once('close', () => {
      clearTimeout(limit);
      resolve(false);
    });
    request.once('error', () => resolve(false));
    request.once('timeout', () => request.destroy());
  });

const stampOf = async (file: string): Promise<string> => {
  try {
    const { ino, size, mtimeMs } = await stat(file);
    return `${ino} ${size} ${mtimeMs}`;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 'missing';
    throw error;
  }
};

/** The folder is watched, not the file: whoever replaces it makes a new one. */
const watchFile = (place: Place, changed: () => void): FSWatcher | null => {
  const name = basename(place.dirs.configFile);
  let timer: NodeJS.Timeout | null = null;
  try {
    const watcher = watch(place.dirs.root, { persistent: false }, (_event, file) => {
      if (file !== name || timer) return;
      timer = setTimeout(() => {
        timer = null;
        changed();
      }, settleMs);
    });
    // A machine out of watches still has the look every half second.
    watcher.on('error', () => watcher.close());
    return watcher;
  } catch {
    return null;
  }
};
