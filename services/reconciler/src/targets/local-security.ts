// What `spec.security` asks of a bot on this machine: who else may read its files, and how old its token may become.
import { chmod, stat } from 'node:fs/promises';
import type { ResolvedManifest } from '@molthub/contracts';
import type { Difference } from '../target.ts';
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
  for (const { path, mode } of kept(place, security)) await unlessMissing(chmod(path, Number.parseInt(mode, 8)));
};

/** Files with other modes, and a token that is past its time. */
export const securityDifferences = async (place: Place, security: Security): Promise<readonly Difference[]> => {
  const modes = await Promise.all(
    kept(place, security).map(async ({ field, mode, path }) => {
      const seen = await unlessMissing(stat(path));
      return { field, mode, seen: seen === null ? mode : (seen.mode & 0o777).toString(8) };
    }),
  );
  const wrong = modes.filter(({ mode, seen }) => mode !== seen);
  const files = new Map(wrong.map(({ field, mode, seen }) => [field, differs('config', field, mode, seen)]));
  const days = await tokenDays(place);
  const daysMax = security?.tokenMaxAgeDays;
  const isTooOld = daysMax !== undefined && days > daysMax;
  return [...files.values(), ...(isTooOld ? [differs('secret', 'tokenMaxAgeDays', daysMax, Math.floor(days))] : [])];
};

export const isTokenTooOld = async (place: Place, security: Security): Promise<boolean> =>
  (await tokenDays(place)) > (security?.tokenMaxAgeDays ?? Infinity);

const differs = (cls: 'config' | 'secret', field: string, desired: unknown, observed: unknown): Difference => ({
  class: cls,
  path: `spec.security.${field}`,
  desired,
  observed,
  owner: 'unknown',
});

/** The token's file is written when the token is made, and never again. */
const tokenDays = async (place: Place): Promise<number> => {
  const file = await unlessMissing(stat(tokenFile(place)));
  return file === null ? 0 : (Date.now() - file.mtimeMs) / 86_400_000;
};
