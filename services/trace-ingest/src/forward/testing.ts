// Another backend, and what a request says, so that what was forwarded can be held against what was received.
import { createServer, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { z } from 'zod';
import { decode } from '../otlp/testing.ts';

const Attributes = z.array(z.looseObject({ key: z.string() }));
const Attributed = z.looseObject({ attributes: Attributes });
const Span = Attributed.extend({
  traceId: z.string(),
  spanId: z.string(),
  events: z.array(Attributed),
  status: z.unknown().transform((status) => status ?? { message: '', code: 0 }),
});
const Body = z.object({
  resourceSpans: z.array(
    z.object({
      resource: z.unknown().transform((resource) => resource ?? { attributes: [], droppedAttributesCount: 0 }),
      schemaUrl: z.string(),
      scopeSpans: z.array(z.object({ scope: z.unknown(), schemaUrl: z.string(), spans: z.array(Span) })),
    }),
  ),
});

const byKey = <T extends { readonly key: string }>(attributes: readonly T[]) =>
  attributes.toSorted((a, b) => (a.key < b.key ? -1 : 1));
const inOrder = <T extends z.infer<typeof Attributed>>(owner: T) => ({ ...owner, attributes: byKey(owner.attributes) });

/** Each span with everything around it, by its ids. Attributes have no order: content is apart from the others. */
export const spansIn = (bodies: readonly Buffer[]): ReadonlyMap<string, unknown> =>
  new Map(
    bodies.flatMap((body) =>
      Body.parse(decode(body)).resourceSpans.flatMap(({ resource, schemaUrl, scopeSpans }) =>
        scopeSpans.flatMap((scoped) =>
          scoped.spans.map((span) => {
            const shown = { ...inOrder(span), events: span.events.map(inOrder) };
            const around = { resource, schemaUrl, scope: scoped.scope ?? noScope, scopeSchemaUrl: scoped.schemaUrl };
            return [`${span.traceId} ${span.spanId}`, { ...shown, around }] as const;
          }),
        ),
      ),
    ),
  );
const noScope = { name: '', version: '', attributes: [], droppedAttributesCount: 0 };

export type Received = {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly atMs: number;
};
type Reply = {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
};

export type Receiver = {
  readonly url: string;
  /** All that came, whatever was answered. */
  readonly received: Received[];
  /** What is answered; null answers nothing at all. Until it is set: 200. */
  answer: (one: Received) => Reply | null;
  readonly close: () => void;
};

/** A backend on the loopback, which notes what comes. */
export const openReceiver = async (): Promise<Receiver> => {
  const server = createServer((request, response) => {
    void read(request).then((one) => {
      receiver.received.push(one);
      const reply = receiver.answer(one);
      if (reply) response.writeHead(reply.status ?? 200, reply.headers).end(reply.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The receiver has no port.');
  const receiver: Receiver = {
    url: `http://127.0.0.1:${address.port}`,
    received: [],
    answer: () => ({}),
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
  return receiver;
};

const read = async (request: IncomingMessage): Promise<Received> => {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part);
  const { url = '', headers } = request;
  return { path: url, headers, body: gunzipSync(Buffer.concat(parts)), atMs: Date.now() };
};
