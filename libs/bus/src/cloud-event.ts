// Events as NATS messages: CloudEvents 1.0, NATS binding, binary mode. Commands travel as plain JSON.
import { Actor, type LogPosition, ownerSource, type Recorded } from '@molthub/contracts';
import { headers, type MsgHdrs } from 'nats';
import { ownerOf } from './subject.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/** Percent-encodes what a header value may not hold. Source: CloudEvents, NATS protocol binding 1.0.2, §3.1.3. */
const encode = (value: string): string =>
  value.replace(/[^\u0021\u0023\u0024\u0026-\u007e]/gu, (character) =>
    [...encoder.encode(character)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );

export const formatLogPosition = (log: LogPosition): string => `${log.epoch}.${log.tx}.${log.position}`;

/** `epoch.tx.position`, or undefined for anything else. */
export const parseLogPosition = (text: string): LogPosition | undefined => {
  const parts = /^(\d{1,9})\.(\d{1,20})\.(\d{1,19})$/.exec(text);
  if (!parts) return undefined;
  return { epoch: Number(parts[1]), tx: BigInt(parts[2] ?? 0), position: BigInt(parts[3] ?? 0) };
};

/** The message of an event; `Nats-Msg-Id` is set by who publishes. */
export const toMessage = (event: Recorded): { readonly headers: MsgHdrs; readonly body: Uint8Array } => {
  const h = headers();
  h.set('ce-specversion', '1.0');
  h.set('ce-id', event.id);
  h.set('ce-source', ownerSource(ownerOf(event.type)));
  h.set('ce-type', event.type);
  h.set('ce-subject', encode(event.stream));
  h.set('ce-time', event.time);
  h.set('ce-datacontenttype', 'application/json');
  h.set('ce-dataschema', `https://molthub.dev/schemas/${event.type}.json`);
  h.set('ce-sequence', String(event.version));
  h.set('ce-partitionkey', encode(event.stream));
  h.set('ce-logposition', formatLogPosition(event.log));
  h.set('ce-workspace', event.workspace);
  h.set('ce-correlationid', encode(event.correlationId));
  if (event.causationId) h.set('ce-causationid', encode(event.causationId));
  h.set('ce-actor', encode(JSON.stringify(event.actor)));
  if (event.traceparent) h.set('traceparent', event.traceparent);
  return { headers: h, body: encoder.encode(JSON.stringify(event.data)) };
};

/** The event of a message. Throws if it is none: the reader parks its key. */
export const fromMessage = (h: MsgHdrs | undefined, body: Uint8Array): Recorded => {
  const get = (name: string): string => {
    const value = h?.get(name);
    if (!value) throw new Error(`The message has no header ${name}.`);
    return value;
  };
  const log = parseLogPosition(get('ce-logposition'));
  if (!log) throw new Error('The header ce-logposition is not epoch.tx.position.');
  const data: unknown = JSON.parse(decoder.decode(body));
  const causation = h?.get('ce-causationid');
  const traceparent = h?.get('traceparent');
  return {
    id: get('ce-id'),
    type: get('ce-type'),
    stream: decodeURIComponent(get('ce-subject')),
    version: Number(get('ce-sequence')),
    workspace: get('ce-workspace'),
    time: get('ce-time'),
    correlationId: decodeURIComponent(get('ce-correlationid')),
    causationId: causation ? decodeURIComponent(causation) : null,
    actor: Actor.parse(JSON.parse(decodeURIComponent(get('ce-actor')))),
    ...(traceparent ? { traceparent } : {}),
    log,
    data,
  };
};
