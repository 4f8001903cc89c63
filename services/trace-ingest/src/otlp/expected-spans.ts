// What the reference read of a body, as spans that can be compared with those that are stored.
import { z } from 'zod';
import { isSecretKey } from '../named-secrets.ts';

/** A value with its exact type: integers as bigint, doubles as number, objects as Map, bytes in hex. */
export type Said = null | boolean | bigint | number | string | SaidBytes | readonly Said[] | SaidMap;
export type SaidBytes = { readonly bytes: string };
export type SaidMap = ReadonlyMap<string, Said>;

const withAttributes = z.object({
  attributes: z.lazy(() => Attributes),
  droppedAttributesCount: z.int(),
});

/** Postgres' text has no NUL, and no half surrogate. */
const text = z.string().transform((given) => given.replaceAll('\0', '').toWellFormed());
const hex = z.instanceof(Uint8Array).transform((bytes) => Buffer.from(bytes).toString('hex'));

const Value: z.ZodType<Said> = z.lazy(() =>
  z
    .object({
      stringValue: text.optional(),
      boolValue: z.boolean().optional(),
      intValue: z.string().transform(BigInt).optional(),
      // Numbers of any kind: zod's are finite.
      doubleValue: z.custom<number>((given) => typeof given === 'number').optional(),
      bytesValue: hex.transform((bytes) => ({ bytes })).optional(),
      arrayValue: z.object({ values: z.array(Value) }).optional(),
      kvlistValue: z.object({ values: Attributes }).optional(),
    })
    .nullable()
    .transform((any) => {
      const { arrayValue, kvlistValue, ...scalars } = any ?? {};
      const [scalar] = Object.values(scalars).filter((value) => value !== undefined);
      return arrayValue?.values ?? kvlistValue?.values ?? scalar ?? null;
    }),
);
/** Of several under one key the last holds. What stands under a secret's name is hidden, which other tests are about. */
const Attributes: z.ZodType<SaidMap> = z.lazy(() =>
  z
    .array(z.object({ key: z.string(), value: Value }))
    .transform(
      (list) =>
        new Map(
          list.map(({ key, value }) => [
            key.replaceAll('\0', ''),
            value !== null && isSecretKey(key) ? '[redacted]' : value,
          ]),
        ),
    ),
);

const Event = withAttributes.extend({ timeUnixNano: z.string(), name: text });
const Link = withAttributes.extend({ traceId: hex, spanId: hex, traceState: text, flags: z.int() });
const Span = withAttributes.extend({
  traceId: hex,
  spanId: hex,
  parentSpanId: hex,
  traceState: text,
  name: text,
  kind: z.int(),
  flags: z.int(),
  startTimeUnixNano: z.string().transform(BigInt),
  endTimeUnixNano: z.string().transform(BigInt),
  events: z.array(Event),
  droppedEventsCount: z.int(),
  links: z.array(Link),
  droppedLinksCount: z.int(),
  status: z.object({ code: z.int(), message: text }).nullable(),
});
const Resource = withAttributes.nullable();
const Scope = withAttributes.extend({ name: text, version: text }).nullable();
const Request = z.object({
  resourceSpans: z.array(
    z.object({
      resource: Resource,
      schemaUrl: text,
      scopeSpans: z.array(z.object({ scope: Scope, schemaUrl: text, spans: z.array(Span) })),
    }),
  ),
});

const noAttributes = { attributes: new Map<string, Said>(), droppedAttributesCount: 0 };
const noParent = '0'.repeat(16);

export type ExpectedSpan = ReturnType<typeof spansIn>[number];

const spansIn = (reference: unknown) =>
  Request.parse(reference).resourceSpans.flatMap(({ resource, schemaUrl: resourceSchema, scopeSpans }) =>
    scopeSpans.flatMap(({ scope, schemaUrl: scopeSchema, spans }) =>
      spans.map(({ status, kind, parentSpanId, ...span }) => ({
        ...span,
        parentSpanId: parentSpanId === noParent ? '' : parentSpanId,
        // Numbers that are no kind and no code say nothing.
        kind: kind >= 0 && kind <= 5 ? kind : 0,
        status: { code: status?.code === 1 || status?.code === 2 ? status.code : 0, message: status?.message ?? '' },
        resource: { ...(resource ?? noAttributes), schemaUrl: resourceSchema },
        scope: { ...(scope ?? { ...noAttributes, name: '', version: '' }), schemaUrl: scopeSchema },
      })),
    ),
  );

const since = BigInt(Date.UTC(2000, 0)) * 1_000_000n;
const dayNs = 86_400_000_000_000n;
const isId = (id: string, digits: number) => id.length === digits && /[1-9a-f]/.test(id);

/** Those of which the documentation says that they are stored, each once: whoever comes second is a repeat. */
export const expectedSpans = (reference: unknown): readonly ExpectedSpan[] => {
  const untilNs = BigInt(Date.now()) * 1_000_000n + dayNs;
  const spans = spansIn(reference).filter(
    ({ traceId, spanId, parentSpanId, startTimeUnixNano: start, endTimeUnixNano: end }) =>
      isId(traceId, 32) &&
      isId(spanId, 16) &&
      (parentSpanId === '' || isId(parentSpanId, 16)) &&
      start >= since &&
      end >= start &&
      end <= untilNs,
  );
  const once = new Map<string, ExpectedSpan>();
  for (const span of spans) {
    const key = `${span.traceId} ${span.spanId} ${span.startTimeUnixNano / 1_000n}`;
    if (!once.has(key)) once.set(key, span);
  }
  return [...once.values()].toSorted(byId);
};

export const byId = (a: Pick<ExpectedSpan, 'traceId' | 'spanId'>, b: Pick<ExpectedSpan, 'traceId' | 'spanId'>) =>
  `${a.traceId}${a.spanId}` < `${b.traceId}${b.spanId}` ? -1 : 1;
