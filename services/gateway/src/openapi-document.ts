// This API as OpenAPI 3.1.
import { Actor, Manifest, Problem } from '@molthub/contracts';
import { type Operation, openApiDocument } from '@molthub/http';
import { CloudEvent } from './cloud-event.ts';
import { base } from './register.ts';
import type { Method, Route } from './route.ts';
import { Bot } from './routes/bot-row.ts';

const idempotencyKey = {
  name: 'Idempotency-Key',
  description: 'The same key gives the same answer, also after a crash; another body under it is refused with 409.',
};
const ifMatch = { name: 'If-Match', description: 'The ETag of a GET; a wrong one is refused with 412.' };
const prefer = { name: 'Prefer', description: 'wait=30 waits up to 30 s (at most 60) before 202 is answered.' };

/** Codes that the gateway itself answers with; each service adds its own, named `<service>.<reason>`. */
export const codes = [
  'gateway.ambiguous-trace',
  'gateway.api-key-not-found',
  'gateway.body-too-large',
  'gateway.changed-since',
  'gateway.cursor-expired',
  'gateway.forbidden',
  'gateway.foreign-origin',
  'gateway.idempotency-key-reused',
  'gateway.internal-error',
  'gateway.invalid-cursor',
  'gateway.invalid-idempotency-key',
  'gateway.invalid-if-match',
  'gateway.invalid-request',
  'gateway.invalid-types',
  'gateway.malformed-json',
  'gateway.malformed-request',
  'gateway.malformed-url',
  'gateway.not-found',
  'gateway.observed-not-set',
  'gateway.rate-limited',
  'gateway.too-many-headers',
  'gateway.too-many-streams',
  'gateway.trace-too-large',
  'gateway.unauthenticated',
  'gateway.unavailable',
  'gateway.unexpected-body',
  'gateway.unsupported-media-type',
  'gateway.upgrade-required',
  'gateway.url-too-long',
  'config.bot-name-taken',
  'config.fleet-name-taken',
  'config.fleet-not-empty',
  'config.fleet-not-found',
  'config.manifest-invalid',
  'config.secret-literal',
  'config.version-mismatch',
  'policy.denied',
  'policy.manifest-invalid',
  'policy.pack-builtin',
  'policy.pack-invalid',
  'policy.pack-name-taken',
  'policy.pack-not-found',
  'policy.pack-too-large',
  'policy.too-many-packs',
  'policy.too-many-rules',
  'policy.version-mismatch',
  'reconciler.drift-refused',
  'reconciler.illegal-move',
  'reconciler.not-drifted',
  'reconciler.not-held',
  'rollout.change-set-not-in-state',
  'trace.content-not-found',
  'trace.end-invalid',
  'trace.fleet-telemetry-invalid',
  'trace.start-invalid',
  'trace.trace-ended',
  'trace.trace-exists',
  'trace.trace-not-found',
  'trace.version-mismatch',
] as const;

export const pathOf = ({ isOutside, path }: Route): string => (isOutside ? path : `${base}${path}`);

export const documentOf = (routes: readonly Route[]): Readonly<Record<string, unknown>> =>
  openApiDocument({
    title: 'Molthub',
    version: '1',
    description: 'The control plane for fleets of autonomous bots. Errors are RFC 9457 problem details.',
    codes,
    names: { Actor, Bot, CloudEvent, Manifest, Reason: Problem },
    operations: routes.map(operationOf),
  });

const changesWhatIs = new Set<Method>(['PUT', 'PATCH', 'DELETE']);

const operationOf = (row: Route): Operation => ({
  method: row.method,
  path: pathOf(row),
  summary: row.summary,
  tag: row.tag,
  permission: row.permission === 'none' ? null : row.permission,
  params: row.params,
  query: row.query,
  ...(row.bodyShown ? { body: row.bodyShown } : {}),
  headers: [
    ...(row.method === 'POST' ? [idempotencyKey] : []),
    ...(changesWhatIs.has(row.method) ? [ifMatch] : []),
    ...(row.isCommand ? [prefer] : []),
  ],
  answers: [
    {
      status: row.status,
      about: 'Done.',
      ...(row.answer ? { body: row.answer } : {}),
      ...(row.contentType ? { type: row.contentType } : {}),
    },
    ...(row.isCommand ? [{ status: 202, about: 'Taken on; Location says where to look.' }] : []),
  ],
});
