import { createServer } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { clientOf } from './client.ts';
import type { Connection } from './connection.ts';
import { isOwn } from './own-molthub.ts';

const open: { readonly close: () => void }[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

/** A Molthub that is ready and takes one key, seen from a home that says it is its own. */
const seen = async (from: Partial<Connection>) => {
  const server = createServer((request, response) => {
    if (request.url === '/readyz') response.end('{"parts":[]}');
    else if (request.headers.authorization === 'Bearer its-key') response.end('{"items":[]}');
    else response.writeHead(401).end('{"detail":"The key is not known."}');
  });
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const url = `http://127.0.0.1:${address.port}`;
  return clientOf({ server: url, key: 'its-key', keySource: 'test', isOfHome: true, ...from });
};

test('a Molthub is of this home where the home names it and it takes the key of the home', async () => {
  expect(await isOwn(await seen({}))).toBe(true);
});

test.each<[string, Partial<Connection>]>([
  ['answers on a port that the home does not name', { isOfHome: false }],
  ['does not take the key of the home', { key: 'of-this-home' }],
  ['is seen from a home without a key', { key: undefined }],
  ['is not there', { server: 'http://127.0.0.1:9' }],
])('a Molthub that %s is not of this home', async (_, from) => {
  expect(await isOwn(await seen(from))).toBe(false);
});

test('a key that was named and is refused is told, not taken for another home', async () => {
  await expect(seen({ key: 'mistyped', isKeyNamed: true }).then(isOwn)).rejects.toThrow('The key is not known.');
});
