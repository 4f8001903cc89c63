import { withNats } from '@molthub/testing';
import { expect, test } from 'vitest';
import { openBus } from './connect.ts';
import { ensureEventStream } from './stream.ts';

const users = ['molthub', 'anna.b@example.com', 'a *>$ z'].map((name) => ({ name, password: 'secret' }));
const nats = withNats({ users });

test.each([
  ['molthub', '_INBOX_molthub'],
  ['anna.b@example.com', '_INBOX_anna_b_example_com'],
  ['a *>$ z', '_INBOX_a_____z'],
])('the answers to user %j go to an inbox of its own', async (user, inbox) => {
  const url = nats.url.replace('nats://', `nats://${encodeURIComponent(user)}:secret@`);
  const bus = await openBus({ url, name: 'test', onStatus: () => undefined });
  const asked = Promise.withResolvers<string | undefined>();
  bus.connection.subscribe('question', { callback: (_, message) => asked.resolve(message.reply) });
  bus.connection.request('question', '', { timeout: 1_000 }).catch(() => undefined);
  expect((await asked.promise)?.split('.')[0]).toBe(inbox);
  expect((await ensureEventStream(bus, 'config')).config.name).toBe('EVT_CONFIG');
  await bus.close();
});
