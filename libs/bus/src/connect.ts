// One connection of one service, that never gives up and says when it was away.
import { type JetStreamClient, type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from 'nats';

export type Bus = {
  readonly connection: NatsConnection;
  readonly js: JetStreamClient;
  /** A manager of streams; made anew on each call's first use after a failure. */
  readonly manager: () => Promise<JetStreamManager>;
  readonly isConnected: () => boolean;
  /** Calls back at each reconnect; answers how to stop. */
  readonly onReconnect: (listener: () => void) => () => void;
  /** Aborts at the next disconnect: whatever is in flight then is lost and must be sent again. */
  readonly untilDisconnect: () => AbortSignal;
  /** Resolves at once while connected, else at the reconnect; rejects when `signal` aborts. */
  readonly whenConnected: (signal: AbortSignal) => Promise<void>;
  readonly close: () => Promise<void>;
};

export type BusSettings = {
  readonly url: string;
  readonly name: string;
  readonly onStatus: (what: string) => void;
};

/**
 * Connects (throws if no server answers now) and from then on reconnects for ever, every 100 ms. The client drops what
 * is published while disconnected; callers learn it from `untilDisconnect` and send again.
 */
export const openBus = async (settings: BusSettings): Promise<Bus> => {
  const { servers, user, pass } = credentials(settings.url);
  const connection = await connect({
    servers,
    name: `molthub ${settings.name}`,
    ...(user ? { user, pass } : {}),
    maxReconnectAttempts: -1,
    // A server that starts may not know its users yet; the client would close for good after the second refusal.
    ignoreAuthErrorAbort: true,
    reconnectTimeWait: 100,
    reconnectJitter: 50,
    timeout: 5_000,
    pingInterval: 10_000,
    maxPingOut: 2,
    inboxPrefix: inboxOf(user),
    // An error made for each publish in case it should fail was a twentieth of all work; ours name what was sent.
    noAsyncTraces: true,
  });
  let connected = true;
  let cut = new AbortController();
  const listeners = new Set<() => void>();
  const watch = async () => {
    for await (const status of connection.status()) {
      if (status.type === 'disconnect') {
        connected = false;
        cut.abort(new Error('The connection to NATS was lost.'));
      }
      if (status.type === 'reconnect') {
        connected = true;
        cut = new AbortController();
        for (const listener of listeners) listener();
      }
      if (status.type !== 'ping' && status.type !== 'reconnecting') settings.onStatus(status.type);
    }
  };
  watch().catch((error: unknown) => settings.onStatus(`status ended: ${String(error)}`));
  let manager: Promise<JetStreamManager> | undefined;
  return {
    connection,
    js: jetstream(connection),
    manager: () => {
      manager ??= jetstreamManager(connection, { checkAPI: false }).catch((error: unknown) => {
        manager = undefined;
        throw error;
      });
      return manager;
    },
    isConnected: () => connected && !connection.isClosed(),
    onReconnect: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    untilDisconnect: () => cut.signal,
    whenConnected: (signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason);
        if (connected) return resolve();
        const end = () => {
          listeners.delete(end);
          signal.removeEventListener('abort', end);
          if (signal.aborted) reject(signal.reason);
          else resolve();
        };
        listeners.add(end);
        signal.addEventListener('abort', end);
      }),
    close: () => connection.close(),
  };
};

/**
 * Where answers to a user arrive: a place of its own, so that a server can keep other users from listening there. It is
 * made of the name by replacing what a subject's token may not hold.
 */
const inboxOf = (user: string): string => (user ? `_INBOX_${user.replace(/[^A-Za-z0-9_-]/g, '_')}` : '_INBOX');

const credentials = (url: string) => {
  const parsed = new URL(url);
  return {
    servers: `${parsed.protocol}//${parsed.host}`,
    user: decodeURIComponent(parsed.username),
    pass: decodeURIComponent(parsed.password),
  };
};
