// The spans of a bot as they lie in Postgres, read by nothing of the product's own: for comparing with the reference.
import { zstdDecompressSync } from 'node:zlib';
import type { Reads } from '@molthub/event-store';
import { z } from 'zod';
import { byId, type ExpectedSpan, type Said, type SaidMap } from './expected-spans.ts';

const Row = z.object({
  trace_id: z.string(),
  span_id: z.string(),
  parent_id: z.string().nullable(),
  name: z.string(),
  kind: z.int(),
  status: z.int(),
  status_message: z.string(),
  flags: z.int(),
  started_us: z.string(),
  started_ns: z.string().transform(BigInt),
  duration_ns: z.string().transform(BigInt),
  attributes: z.string(),
  events: z.string().nullable(),
  links: z.string().nullable(),
  rest: z.string().nullable(),
  resource: z.string(),
  scope: z.string(),
  around: z.string().nullable(),
  content: z.instanceof(Buffer).nullable(),
  content_index: z.int().nullable(),
});

const select = `
  select encode(uuid_send(s.trace_id), 'hex') as trace_id, encode(int8send(s.span_id), 'hex') as span_id,
    encode(int8send(s.parent_id), 'hex') as parent_id, s.name, s.kind, s.status, s.status_message, s.flags,
    floor(extract(epoch from s.started_at) * 1000000)::bigint::text as started_us, s.started_ns::text, s.duration_ns::text,
    s.attributes::text, s.events::text, s.links::text, s.rest::text, r.resource::text, r.scope, r.rest::text as around,
    c.body as content, s.content_index
  from span_rows s
  join surroundings r on r.bot_id = s.bot_id and r.id = s.surroundings
  left join span_contents c on c.id = s.content and c.bot_id = s.bot_id
  where s.bot_id = $1`;

const nothing: SaidMap = new Map();

const isMap = (value: Said | undefined): value is SaidMap => value instanceof Map;
const mapIn = (value: Said | undefined): SaidMap => (isMap(value) ? value : nothing);
const listIn = (value: Said | undefined): readonly Said[] => (Array.isArray(value) ? value : []);
const textIn = (map: SaidMap, key: string): string => z.string().parse(map.get(key) ?? '');
const countIn = (map: SaidMap, key: string): number => Number(z.bigint().parse(map.get(key) ?? 0n));

const Said: z.ZodType<Said> = z.custom<Said>();

/** Numbers with a dot are doubles; what JSON has no number or text for is an object of one key. */
const exactly = (json: string): Said =>
  Said.parse(
    JSON.parse(json, (_key, value: unknown, { source }: { readonly source?: string }) => {
      if (typeof value === 'number') return /^-?\d+$/.test(source ?? '') ? BigInt(source ?? '') : value;
      if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Map) return value;
      const entries = Object.entries(value);
      const [[only, held] = []] = entries.length === 1 ? entries : [];
      if (only === 'otlp:double') return Number(held);
      if (only === 'otlp:bytes') return { bytes: Buffer.from(String(held), 'base64').toString('hex') };
      return new Map(entries);
    }),
  );

/** With what lies apart where it was: an event's content says which event's it is. */
const together = (plain: SaidMap, apart: SaidMap): SaidMap => {
  for (const key of apart.keys()) if (plain.has(key)) throw new Error(`${key} is both apart and not.`);
  return new Map([...plain, ...apart]);
};

/** In the same form, and the same order, as what is expected. */
export const storedSpans = async (reads: Reads, botId: string): Promise<readonly ExpectedSpan[]> => {
  const rows = z.array(Row).parse(await reads(select, [botId]));
  return rows.map(spanOf).toSorted(byId);
};

const spanOf = (row: z.infer<typeof Row>): ExpectedSpan => {
  if (row.started_us !== String(row.started_ns / 1_000n)) throw new Error(`${row.span_id} starts at two times.`);
  const rest = mapIn(exactly(row.rest ?? '{}'));
  const around = mapIn(exactly(row.around ?? '{}'));
  const contents = row.content ? listIn(exactly(zstdDecompressSync(row.content).toString())) : [];
  const apart = mapIn(contents[row.content_index ?? 0]);
  const ofEvents = listIn(apart.get('events')).map(mapIn);
  return {
    traceId: row.trace_id,
    spanId: row.span_id,
    parentSpanId: row.parent_id ?? '',
    traceState: textIn(rest, 'traceState'),
    name: row.name,
    kind: row.kind,
    flags: row.flags >>> 0,
    startTimeUnixNano: row.started_ns,
    endTimeUnixNano: row.started_ns + row.duration_ns,
    attributes: together(mapIn(exactly(row.attributes)), mapIn(apart.get('attributes'))),
    droppedAttributesCount: countIn(rest, 'droppedAttributesCount'),
    events: listIn(exactly(row.events ?? '[]'))
      .map(mapIn)
      .map((event, index) => ({
        timeUnixNano: textIn(event, 'timeNs'),
        name: textIn(event, 'name'),
        attributes: together(
          mapIn(event.get('attributes')),
          mapIn(ofEvents.find((one) => one.get('index') === BigInt(index))?.get('attributes')),
        ),
        droppedAttributesCount: countIn(event, 'droppedAttributesCount'),
      })),
    droppedEventsCount: countIn(rest, 'droppedEventsCount'),
    links: listIn(exactly(row.links ?? '[]'))
      .map(mapIn)
      .map((link) => ({
        traceId: textIn(link, 'traceId'),
        spanId: textIn(link, 'spanId'),
        traceState: textIn(link, 'traceState'),
        flags: countIn(link, 'flags'),
        attributes: mapIn(link.get('attributes')),
        droppedAttributesCount: countIn(link, 'droppedAttributesCount'),
      })),
    droppedLinksCount: countIn(rest, 'droppedLinksCount'),
    status: { code: row.status, message: row.status_message },
    resource: {
      attributes: mapIn(exactly(row.resource)),
      droppedAttributesCount: countIn(around, 'resourceDroppedAttributesCount'),
      schemaUrl: textIn(around, 'resourceSchemaUrl'),
    },
    scope: {
      name: row.scope,
      version: textIn(around, 'scopeVersion'),
      attributes: mapIn(around.get('scopeAttributes')),
      droppedAttributesCount: countIn(around, 'scopeDroppedAttributesCount'),
      schemaUrl: textIn(around, 'scopeSchemaUrl'),
    },
  };
};
