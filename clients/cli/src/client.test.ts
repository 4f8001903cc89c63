import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';
import { CliError } from './cli-error.ts';
import { type Client, clientOf } from './client.ts';

const open: { readonly close: () => void }[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

/** A server on this machine that answers as the test says, and a client of it. */
const serving = async (listener: RequestListener): Promise<Client> => {
  const server = createServer(listener);
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return clientOf({ server: `http://127.0.0.1:${address.port}`, key: 'secret', keySource: 'test' });
};

const failureOf = async (work: Promise<unknown>): Promise<CliError> => {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof CliError) return error;
  throw new Error('expected a CliError', { cause: error });
};

test('a request carries the key, and stands below the API', async () => {
  const seen: IncomingMessage[] = [];
  const client = await serving((request, response) => {
    seen.push(request);
    response.end('{"name":"a"}');
  });
  await client.get(z.looseObject({ name: z.string() }), '/fleets', { name: 'a&b', limit: undefined });
  expect(seen[0]?.url).toBe('/api/v1/fleets?name=a%26b');
  expect(seen[0]?.headers.authorization).toBe('Bearer secret');
});

test('what is deleted may be named by its version', async () => {
  const seen: IncomingMessage[] = [];
  const client = await serving((request, response) => {
    seen.push(request);
    response.writeHead(204).end();
  });
  await client.delete('/profiles/a', 3);
  await client.delete('/bot-instances/a');
  expect(seen.map(({ headers }) => headers['if-match'])).toEqual(['"3"', undefined]);
});

test('the probes stand beside the API, and a path that only begins like it stands below', async () => {
  const urls: (string | undefined)[] = [];
  const client = await serving((request, response) => {
    urls.push(request.url);
    response.end('{}');
  });
  await client.probe('/readyz');
  await client.get(z.unknown(), '/api-keys');
  expect(urls).toEqual(['/readyz', '/api/v1/api-keys']);
});

test('a refusal is told with its detail, its problems and its correlation id', async () => {
  const client = await serving((_, response) => {
    response.writeHead(422, { 'content-type': 'application/problem+json' });
    response.end(
      JSON.stringify({
        detail: 'The policy refuses this manifest.',
        code: 'policy.denied',
        correlationId: 'c-1',
        errors: [{ path: 'spec.config.gateway.auth', code: 'gateway-auth', message: 'must not be none' }],
      }),
    );
  });
  const error = await failureOf(client.post(z.unknown(), '/bot-instances', {}));
  expect(error).toMatchObject({
    message: 'The policy refuses this manifest.',
    exitCode: 1,
    status: 422,
    correlationId: 'c-1',
    problems: [{ path: 'spec.config.gateway.auth', message: 'must not be none' }],
  });
});

test('an answer without problem details is told as such', async () => {
  const client = await serving((_, response) => response.writeHead(502).end('<html>'));
  expect((await failureOf(client.get(z.unknown(), '/fleets'))).message).toBe(
    'the server answered 502 without saying why',
  );
});

test('a refused key says where the key came from', async () => {
  const client = await serving((_, response) => response.writeHead(401).end('{"detail":"The key is not known."}'));
  expect((await failureOf(client.get(z.unknown(), '/fleets'))).message).toBe(
    'The key is not known. (key from test); pass --key or set MOLTHUB_KEY',
  );
});

test('a refusal for want of a key says that nothing was started in this home, and what to do', async () => {
  const { connection } = await serving((_, response) => response.writeHead(401).end('{"detail":"Send a key."}'));
  const client = clientOf({ ...connection, key: undefined, keySource: 'none', unstartedHome: '/new' });
  const { message } = await failureOf(client.get(z.unknown(), '/fleets'));
  expect(message).toContain('no Molthub has been started in /new yet');
  expect(message).toMatch(/npm start.*MOLTHUB_HOME.*--server.*--key/);
});

test('a busy server is asked again under the same idempotency key', async () => {
  const keys: unknown[] = [];
  const client = await serving((request, response) => {
    keys.push(request.headers['idempotency-key']);
    if (keys.length < 3) response.writeHead(503, { 'retry-after': '0.01' }).end('{}');
    else response.writeHead(201).end('{}');
  });
  await client.post(z.unknown(), '/fleets', { name: 'a' });
  expect(keys).toHaveLength(3);
  expect(new Set(keys).size).toBe(1);
  expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/);
});

test('a server that stays busy is given up', async () => {
  let count = 0;
  const client = await serving((_, response) => {
    count += 1;
    response.writeHead(503, { 'retry-after': '0.01' }).end('{"detail":"The database is away."}');
  });
  expect((await failureOf(client.get(z.unknown(), '/fleets'))).message).toBe('The database is away.');
  expect(count).toBe(5);
});

test('a server that is not there is one clear line', async () => {
  const client = clientOf({ server: 'http://127.0.0.1:9', key: 'k', keySource: 'test' });
  const error = await failureOf(client.get(z.unknown(), '/fleets'));
  expect(error.message).toMatch(
    /^cannot reach http:\/\/127\.0\.0\.1:9 \(.+\); start it with "npm start" or pass --server$/,
  );
  expect(error.exitCode).toBe(1);
});

test('a list is read page by page, and no further than asked', async () => {
  const urls: (string | undefined)[] = [];
  const client = await serving((request, response) => {
    urls.push(request.url);
    const cursor = Number(new URL(request.url ?? '', 'http://x').searchParams.get('cursor') ?? 0);
    response.end(JSON.stringify({ items: [{ n: cursor }], nextCursor: cursor < 9 ? String(cursor + 1) : null }));
  });
  const item = z.object({ n: z.number() });
  expect(await client.all(item, '/things')).toHaveLength(10);
  expect(urls[1]).toBe('/api/v1/things?limit=500&cursor=1');
  expect(await client.all(item, '/things', {}, 3)).toEqual([{ n: 0 }, { n: 1 }, { n: 2 }]);
});

test('slow work is waited for at its operation', async () => {
  let looks = 0;
  const client = await serving((request, response) => {
    if (request.method === 'POST') {
      response.writeHead(202, { location: '/api/v1/operations/1' }).end('{"operationId":"1"}');
      return;
    }
    looks += 1;
    response.end(JSON.stringify(looks < 2 ? { status: 'PENDING' } : { status: 'DONE', result: { version: 7 } }));
  });
  expect(await client.post(z.object({ version: z.int() }), '/x', {})).toEqual({ version: 7 });
});

test('what slow work made is read where it stands', async () => {
  const client = await serving((request, response) => {
    if (request.method === 'POST') {
      response.writeHead(202, { location: '/api/v1/operations/1' }).end('{"operationId":"1","resourceId":"r-1"}');
    } else if (request.url === '/api/v1/things/r-1') response.end('{"name":"made"}');
    else response.end('{"status":"DONE","result":{}}');
  });
  const made = client.post(z.object({ name: z.string() }), '/things', {}, (id) => `/things/${id}`);
  expect(await made).toEqual({ name: 'made' });
});

test('slow work that is refused in the end is a refusal', async () => {
  const client = await serving((request, response) => {
    if (request.method === 'POST') {
      response.writeHead(202, { location: '/api/v1/operations/1' }).end('{}');
      return;
    }
    const problem = { code: 'config.invalid', message: 'The config is not valid.', errors: [] };
    response.end(JSON.stringify({ status: 'REFUSED', result: null, problem }));
  });
  const error = await failureOf(client.post(z.unknown(), '/x', {}));
  expect(error.message).toBe('The config is not valid.');
});

test('an answer of another shape is named, not guessed at', async () => {
  const client = await serving((_, response) => response.end('{"items": [{"id": 5}]}'));
  const error = await failureOf(client.all(z.object({ id: z.string() }), '/fleets'));
  expect(error.message).toContain('is not what this molthub understands');
  expect(error.problems[0]?.path).toBe('items.0.id');
});

test('a redirect is not followed: the key stays where it belongs', async () => {
  const client = await serving((_, response) => response.writeHead(302, { location: 'http://127.0.0.1:9/' }).end());
  expect((await failureOf(client.get(z.unknown(), '/fleets'))).message).toContain('cannot reach');
});
