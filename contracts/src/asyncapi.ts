// The AsyncAPI 3 document: every message on the bus, with its stream and an example.
import type { JsonSchema } from './json-schema.ts';
import { services } from './message.ts';
import * as registry from './registry.ts';

// Sorted, because the order of a module's exports is the loader's choice.
const byType = (a: { readonly type: string }, b: { readonly type: string }) => (a.type < b.type ? -1 : 1);
const events = registry.events.toSorted(byType);
const commands = registry.commands.toSorted(byType);

const header = (description: string) => ({ type: 'string', description });

/** CloudEvents 1.0, NATS binding, binary mode. */
const eventHeaders = {
  type: 'object',
  required: ['ce-specversion', 'ce-id', 'ce-source', 'ce-type', 'ce-subject', 'ce-time', 'ce-sequence'],
  properties: {
    'ce-specversion': { const: '1.0' },
    'ce-id': header('Id of the event, a UUID. An event may be seen again after a repair; this tells.'),
    'ce-source': header('`molthub/<service>`.'),
    'ce-type': header('`<service>.<entity>.<past-tense>.v<major>`.'),
    'ce-subject': header('The stream of the event, such as `bot-<id>`, percent-encoded.'),
    'ce-time': header('RFC 3339, UTC.'),
    'ce-datacontenttype': { const: 'application/json' },
    'ce-dataschema': header('Address that names the JSON Schema of the data.'),
    'ce-sequence': header('Version in the stream, from 1, without gaps.'),
    'ce-partitionkey': header('The stream again: order is kept within it.'),
    'ce-logposition': header('`epoch.tx.position` in the log of the service.'),
    'ce-workspace': header('Slug of the workspace.'),
    'ce-correlationid': header('The request that all this came from.'),
    'ce-causationid': header('The command that caused it.'),
    'ce-actor': header('Who did it, as percent-encoded JSON: kind, id and name.'),
    traceparent: header('W3C trace context.'),
    tracestate: header('W3C trace context.'),
    'Nats-Msg-Id': header('The same as `ce-id`.'),
  },
};

/** Streams of NATS JetStream, for whoever wants to read them directly. */
const streams = Object.fromEntries(
  services.flatMap((service) => [
    [
      `EVT_${service.toUpperCase()}`,
      { subjects: [`evt.*.${service}.>`], storage: 'file', retention: 'limits', about: 'Keeps everything.' },
    ],
    [
      `CMD_${service.toUpperCase()}`,
      { subjects: [`cmd.*.${service}.>`], storage: 'file', retention: 'workqueue', maxAgeHours: 24 },
    ],
  ]),
);

/** The document; `samples` are the golden samples by event type. Refers to the schemas beside it. */
export const asyncApi = (samples: ReadonlyMap<string, unknown>): JsonSchema => ({
  asyncapi: '3.0.0',
  info: {
    title: 'Molthub messages',
    version: '1.0.0',
    description:
      'Events say what happened and are for everybody; commands are sent by the gateway only. Outsiders pull from durable consumers that Molthub made for them.',
  },
  defaultContentType: 'application/json',
  servers: {
    bus: { host: '127.0.0.1:4222', protocol: 'nats', description: 'NATS with JetStream; see endpoints.json.' },
  },
  channels: Object.fromEntries([
    ...events.map(({ type, about }) => [type, channel('evt', type, about)]),
    ...commands.map(({ type, about }) => [type, channel('cmd', type, about)]),
  ]),
  operations: Object.fromEntries([
    ...events.map(({ type }) => [`read-${type}`, operation('receive', type)]),
    ...commands.map(({ type }) => [`send-${type}`, operation('send', type)]),
  ]),
  components: {
    schemas: { EventHeaders: eventHeaders },
    messages: Object.fromEntries([
      ...events.map(({ type, about }) => [
        type,
        {
          ...message(type, about, 'events'),
          headers: { $ref: '#/components/schemas/EventHeaders' },
          examples: [{ payload: samples.get(type) ?? {} }],
        },
      ]),
      ...commands.map(({ type, about }) => [type, message(type, about, 'commands')]),
    ]),
  },
  'x-jetstream': { streams },
});

const channel = (prefix: 'evt' | 'cmd', type: string, about: string) => ({
  address: `${prefix}.{workspace}.${type}`,
  description: about,
  parameters: { workspace: { description: 'Slug of the workspace; `system` for the whole installation.' } },
  messages: { [type]: { $ref: `#/components/messages/${type}` } },
  'x-jetstream': { stream: `${prefix.toUpperCase()}_${(type.split('.')[0] ?? '').toUpperCase()}` },
});

const operation = (action: 'send' | 'receive', type: string) => ({
  action,
  channel: { $ref: `#/channels/${type}` },
  messages: [{ $ref: `#/channels/${type}/messages/${type}` }],
});

const message = (type: string, about: string, folder: 'events' | 'commands') => ({
  name: type,
  summary: about,
  contentType: 'application/json',
  payload: { $ref: `./json-schema/${folder}/${type}.json` },
});
