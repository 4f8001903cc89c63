// An event → the entry of the record, and the bytes that its leaf hash is taken over.
import { type Actor, RequestDenied, RequestRefused, type Recorded } from '@molthub/contracts';
import { derivedId } from '@molthub/identity';
import canonicalize from 'canonicalize';
import { leafHash } from './merkle.ts';
import { redacted } from './redact.ts';

export type Outcome = 'ACCEPTED' | 'REFUSED' | 'DENIED';

export type Entry = {
  readonly workspace: string;
  readonly id: string;
  readonly time: string;
  readonly actor: Actor;
  readonly action: string;
  readonly outcome: Outcome;
  readonly resource: { readonly type: string; readonly id: string };
  readonly diff: unknown;
  readonly correlationId: string;
  readonly causationId: string | null;
  readonly eventId: string;
  readonly source: string;
};

/** Raise it when a field is added: old leaves keep the form that they were hashed in. */
const formVersion = 1;

/** The leaf of an entry at its place: RFC 6962 hash of the RFC 8785 JSON of its form's version and every field. */
export const leafOf = (entry: Entry, sequence: number): Buffer => {
  const text = canonicalize({ form: formVersion, sequence, ...entry });
  if (text === undefined) throw new Error(`The entry of event ${entry.eventId} has no canonical form.`);
  return leafHash(Buffer.from(text));
};

export const entryOf = (event: Recorded): Entry => ({
  workspace: event.workspace,
  id: derivedId(event.id, 'audit'),
  time: new Date(event.time).toISOString(),
  actor: event.actor,
  action: actionOf(event),
  outcome: outcomeOf(event.type),
  resource: resourceOf(event),
  diff: redacted(event.data),
  correlationId: event.correlationId,
  causationId: event.causationId,
  eventId: event.id,
  source: `molthub/${event.type.split('.', 1)[0]}`,
});

/** Requests that changed nothing are known by what was asked for; everything else by what happened. */
const actionOf = (event: Recorded): string => {
  const request = requestOf(event);
  if (!request) return event.type;
  return request.method === null ? request.route : `${request.method} ${request.route}`;
};

const outcomeOf = (type: string): Outcome => {
  if (/\.refused\.v\d+$/.test(type)) return 'REFUSED';
  return /\.denied\.v\d+$/.test(type) ? 'DENIED' : 'ACCEPTED';
};

const uuid = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const ofStream = new RegExp(`^(.+?)-(${uuid})(?:-(${uuid}))?$`);
/** Collections of the API whose things have another name as streams. */
const collections = new Map([
  ['bot-instances', 'bot'],
  ['fleets', 'fleet'],
  ['change-sets', 'change-set'],
  ['workspaces', 'workspace'],
  ['api-keys', 'api-key'],
  ['policy-packs', 'pack'],
  ['templates', 'template'],
  ['profiles', 'profile'],
  ['overlays', 'overlay'],
]);

/** A bot's part of a change set is about the bot; a request is about what its route names. */
const resourceOf = (event: Recorded): Entry['resource'] => {
  const request = requestOf(event);
  if (request) {
    const collection = /\/(?:api\/v\d+\/)?([a-z0-9-]+)/.exec(request.route)?.[1] ?? '';
    return { type: collections.get(collection) ?? collection, id: request.resourceId ?? '' };
  }
  const [, category, id, second] = ofStream.exec(event.stream) ?? [];
  if (!category || !id) return { type: 'stream', id: event.stream };
  return category === 'release' && second ? { type: 'bot', id: second } : { type: category, id };
};

type Request = { readonly method: string | null; readonly route: string; readonly resourceId: string | null };

const requestOf = (event: Recorded): Request | null => {
  if (event.type === RequestRefused.type) {
    const { method, route, resourceId } = RequestRefused.data.parse(event.data);
    return { method, route, resourceId };
  }
  if (event.type !== RequestDenied.type) return null;
  return { method: null, route: RequestDenied.data.parse(event.data).route, resourceId: null };
};
