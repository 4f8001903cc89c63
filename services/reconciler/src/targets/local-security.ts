// What `spec.security` asks of a bot on this machine: who else may read its files, and how old its token may become.
import { createHash } from 'node:crypto';
import { chmod, lstat, stat } from 'node:fs/promises';
import type { ResolvedManifest } from '@molthub/contracts';
import { type Difference, tokenAgePath } from '../target.ts';
import { type Place, tokenFile, unlessMissing } from './local-place.ts';

type Security = ResolvedManifest['spec']['security'];

/** The folders and the file whose modes are kept. The token and what Molthub writes down stay the owner's in any case. */
const kept = ({ dirs }: Place, security: Security) => {
  const folder = { field: 'stateDirMode', mode: security?.stateDirMode ?? '700' } as const;
  return [
    { ...folder, path: dirs.root },
    { ...folder, path: dirs.state },
    { field: 'configFileMode', mode: security?.configFileMode ?? '600', path: dirs.configFile },
  ] as const;
};

/** Gives the bot's files the modes that its manifest says. */
export const applyModes = async (place: Place, security: Security): Promise<void> => {
  for (const { path, mode } of kept(place, security)) {
    if ((await modeOf(path)) !== null) await unlessMissing(chmod(path, Number.parseInt(mode, 8)));
  }
};

/** Null where nothing is, and for a link: what it leads to may be anybody's, and is left alone. */
const modeOf = async (path: string): Promise<string | null> => {
  const seen = await unlessMissing(lstat(path));
  return seen === null || seen.isSymbolicLink() ? null : (seen.mode & 0o777).toString(8);
};

/** Files with other modes, and a token that is past its time. */
export const securityDifferences = async (place: Place, security: Security): Promise<readonly Difference[]> => {
  const modes = await Promise.all(
    kept(place, security).map(async ({ field, mode, path }) => ({ field, mode, seen: (await modeOf(path)) ?? mode })),
  );
  const wrong = modes.filter(({ mode, seen }) => mode !== seen);
  const files = new Map(
    wrong.map(({ field, mode, seen }) => [field, differs('config', `spec.security.${field}`, mode, seen)]),
  );
  const old = (await isTokenTooOld(place, security))
    ? [differs('secret', tokenAgePath, security?.tokenMaxAgeDays, 'older')]
    : [];
  return [...files.values(), ...old];
};

/**
 * A token ends up to a tenth before its time, each bot's at a moment of its own: those that were made together do not all
 * restart together.
 */
export const isTokenTooOld = async (place: Place, security: Security): Promise<boolean> => {
  const daysMax = security?.tokenMaxAgeDays;
  if (daysMax === undefined) return false;
  const spread = createHash('sha256').update(place.botId).digest().readUInt32BE(0) / 2 ** 32;
  return (await tokenDays(place)) > daysMax * (1 - spread / 10);
};

const differs = (cls: 'config' | 'secret', path: string, desired: unknown, observed: unknown): Difference => ({
  class: cls,
  path,
  desired,
  observed,
  owner: 'unknown',
});

/** The token's file is written when the token is made, and never again. */
const tokenDays = async (place: Place): Promise<number> => {
  const file = await unlessMissing(stat(tokenFile(place)));
  return file === null ? 0 : (Date.now() - file.mtimeMs) / 86_400_000;
};
