// What a bot's configuration file says, against what it has to say.
import {
  configPatch,
  diffConfig,
  observedConfig,
  type OwnedValues,
  readConfigFile,
  redacted,
  sensitiveBy,
} from '@molthub/openclaw';
import { canonicalHash } from '@molthub/manifest';
import type { Desired, Difference, JsonPatch } from '../target.ts';
import { type Identity, type Place, readToken } from './local-place.ts';
import { asDifference, engineConfig, withChannelsCut } from './openclaw-config.ts';

type Compared = { readonly differences: readonly Difference[]; readonly hash: string | null };

/** The file says what the bot runs or will run next; a broken one shows nowhere else. */
export const compare = async (place: Place, identity: Identity, desired: Desired): Promise<Compared> => {
  const file = await readConfigFile(place.dirs.configFile);
  if (file.state !== 'read') {
    const seen = file.state === 'missing' ? 'the file is missing' : `the file is broken: ${file.reason}`;
    const difference = { class: 'config', path: 'spec.config', desired: 'a readable file', observed: seen } as const;
    return { differences: [{ ...difference, owner: 'unknown' }], hash: null };
  }
  const wanted = effectiveConfig(desired, identity.channels);
  const observed = observedConfig(file.parsed, { owned: await ownedOf(place, identity), desired: wanted });
  const differences = diffConfig(wanted, observed).map(asDifference);
  if (differences.length === 0) return { differences, hash: desired.hash };
  const { resolved } = desired;
  // A hash of a short secret would give it away.
  const config = redacted(observed, sensitiveBy());
  return { differences, hash: canonicalHash({ ...resolved, spec: { ...resolved.spec, config } }) };
};

/** What would make the desired configuration the file's; null while the file says nothing. Its values are not hidden. */
export const patchOf = async (place: Place, identity: Identity, desired: Desired): Promise<JsonPatch | null> => {
  const file = await readConfigFile(place.dirs.configFile);
  if (file.state !== 'read') return null;
  const wanted = effectiveConfig(desired, identity.channels);
  return configPatch(wanted, observedConfig(file.parsed, { owned: await ownedOf(place, identity), desired: wanted }));
};

/** What the bot's own file has to say, less what Molthub adds. */
export const effectiveConfig = (desired: Desired, channels: 'open' | 'cut') => {
  const config = engineConfig(desired.resolved);
  return channels === 'cut' ? withChannelsCut(config) : config;
};

export const ownedOf = async (place: Place, identity: Identity): Promise<OwnedValues> => ({
  port: identity.port,
  token: await readToken(place),
  logFile: place.dirs.logFile,
  workspace: place.dirs.workspace,
});
