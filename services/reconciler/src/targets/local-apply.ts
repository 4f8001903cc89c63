// Changes a running bot's configuration over its WebSocket; where that cannot be, its file is written and it restarts.
import { Rejected } from '@molthub/decider';
import {
  applyConfig,
  connectGateway,
  type GatewayClient,
  GatewayError,
  type JsonObject,
  type OwnedValues,
  withOwned,
  writeConfigFile,
} from '@molthub/openclaw';
import { unreachable } from '@molthub/decider';
import type { Configured, Say } from '../target.ts';

export type LiveChange = {
  readonly config: JsonObject;
  readonly owned: OwnedValues;
  readonly configFile: string;
  readonly note: string;
  readonly say: Say;
};

const connectTimeoutMs = 10_000;

export const applyLive = async (change: LiveChange): Promise<Configured> => {
  const client = await connect(change);
  if (!client) {
    await writeConfigFile(change.configFile, withOwned(change.config, change.owned));
    return 'needs-restart';
  }
  try {
    return await apply(client, change);
  } catch (error) {
    // A bot that cannot answer now (`UNAVAILABLE`) says nothing of the configuration: that is tried again.
    if (!(error instanceof GatewayError) || error.failure !== 'refused' || error.code === 'UNAVAILABLE') throw error;
    throw new Rejected('reconciler.config-refused', `The bot refuses this configuration: ${error.message}`);
  } finally {
    client.close();
  }
};

/** Null when the bot does not let us in: its token was changed, or it answers nobody. */
const connect = async ({ owned, say }: LiveChange): Promise<GatewayClient | null> => {
  try {
    const url = `ws://127.0.0.1:${owned.port}`;
    return await connectGateway({ url, token: owned.token, timeoutMs: connectTimeoutMs });
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    say(`the bot could not be reached (${error.code}); its file is written and it restarts`);
    return null;
  }
};

const apply = async (
  client: GatewayClient,
  { config, owned, configFile, note, say }: LiveChange,
): Promise<Configured> => {
  const applied = await applyConfig(client, { desired: config, owned, configFile, note });
  const paths = applied.paths.slice(0, 5).join(', ');
  switch (applied.outcome) {
    case 'noop':
      return 'unchanged';
    case 'hot':
      say(`changed while it runs: ${paths}`);
      return 'hot';
    case 'restarted':
      say(`the bot restarted itself for ${paths}`);
      return 'restarted';
    case 'restart-needed':
    case 'not-applied':
      return 'needs-restart';
    case 'busy':
      throw new Error("The bot's file is changed by someone else faster than it can be compared.");
    case 'file-broken':
      // OpenClaw reads a repaired file by itself, as any edit of it.
      await writeConfigFile(configFile, withOwned(config, owned));
      say('its broken file was written anew');
      return 'hot';
    case 'rate-limited':
      throw new Error(`The bot takes no more changes for ${Math.ceil(applied.retryAfterMs / 1_000)} s.`);
    case 'unknown':
      throw new Error(`Whether the bot took over ${paths} is not known.`);
    default:
      return unreachable(applied);
  }
};
