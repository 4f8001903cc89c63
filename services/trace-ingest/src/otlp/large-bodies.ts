// The largest bodies of each kind that a door must take or refuse, close to a limit or beyond one.
import { createHash } from 'node:crypto';

export type LargeBody = { readonly body: Buffer; readonly isJson: boolean };

const mebibyte = 1024 * 1024;
/** Of what a span may have. */
const spanBytes = mebibyte - 400;
const bodyBytes = 16 * mebibyte - 400_000;

const varint = (value: number): Buffer => {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Buffer.from([...bytes, rest]);
};
const message = (tag: number, ...contents: readonly Buffer[]): Buffer => {
  const content = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([tag]), varint(content.length), content]);
};
const filled = (bytes: number, ...piece: readonly number[]): Buffer =>
  Buffer.alloc(Math.floor(bytes / piece.length) * piece.length, Buffer.from(piece));
const attribute = (tag: number, key: string, value: Buffer): Buffer =>
  message(tag, message(0x0a, Buffer.from(key)), message(0x12, value));
const text = (value: string): Buffer => message(0x0a, Buffer.from(value));
const distinct = (tag: number, bytes: number): Buffer =>
  Buffer.concat(Array.from({ length: Math.floor(bytes / 24) }, (_, i) => attribute(tag, `k${i}`, text(`v${i}`))));

const time = (tag: number): Buffer => {
  const bytes = Buffer.alloc(9, tag);
  bytes.writeBigUInt64LE(1_763_687_640_123_456_789n, 1);
  return bytes;
};
const head = Buffer.concat([
  message(0x0a, Buffer.alloc(16, 7)),
  message(0x12, Buffer.alloc(8, 9)),
  time(0x39),
  time(0x41),
]);
const span = (...contents: readonly Buffer[]): Buffer => message(0x12, head, ...contents);
const request = (...spans: readonly Buffer[]): Buffer => message(0x0a, message(0x12, ...spans));
const oneAttribute = (value: Buffer): Buffer => request(span(attribute(0x4a, 'k', value)));

/** No body may grow to more than a hundred times its size, so that each begins with something that does not shrink. */
const noise = Buffer.from(
  Array.from({ length: 8_000 }, (_, i) => createHash('sha256').update(String(i)).digest('base64')).join(''),
);
const padded = (body: Buffer): Buffer => Buffer.concat([message(0x7a, noise), body]);

const inProtobuf: Readonly<Record<string, () => Buffer>> = {
  'attributes of no length': () => request(span(filled(spanBytes, 0x4a, 0))),
  'events of no length': () => request(span(filled(spanBytes, 0x5a, 0))),
  '30,000 events of no length': () => request(span(filled(60_000, 0x5a, 0))),
  'links of no length': () => request(span(filled(spanBytes, 0x6a, 0))),
  '30,000 links of no length': () => request(span(filled(60_000, 0x6a, 0))),
  'trace states': () => request(span(filled(spanBytes, 0x1a, 1, 65))),
  'counts of what was dropped': () => request(span(filled(spanBytes, 0x50, 1))),
  'attributes with keys of their own': () => request(span(distinct(0x4a, spanBytes))),
  '6,000 attributes with keys of their own': () => request(span(distinct(0x4a, 150_000))),
  'a resource, a scope and a span of as many attributes': () =>
    message(
      0x0a,
      message(0x0a, distinct(0x0a, 150_000)),
      message(0x12, message(0x0a, distinct(0x1a, 150_000)), span(distinct(0x4a, 150_000))),
    ),
  'a value of many doubles': () => oneAttribute(filled(spanBytes, 0x21, 1, 2, 3, 4, 5, 6, 7, 0x50)),
  'a list of many doubles': () =>
    oneAttribute(message(0x2a, filled(150_000, 0x0a, 9, 0x21, 1, 2, 3, 4, 5, 6, 7, 0x50))),
  'a list of nothing': () => oneAttribute(message(0x2a, filled(60_000, 0x0a, 0))),
  'a list in ever new parts': () => oneAttribute(filled(60_000, 0x2a, 2, 0x0a, 0)),
  'texts that may be secrets': () =>
    request(span(...Array.from({ length: 28 }, (_, i) => attribute(0x4a, `k${i}`, text('://a:sk-b '.repeat(3_600)))))),
  'content that has to be cut': () =>
    request(span(attribute(0x4a, 'gen_ai.input.messages', text('\u0001'.repeat(900_000))))),
  'scopes of no length': () => message(0x0a, filled(bodyBytes, 0x12, 0)),
  'resources in ever new parts': () => message(0x0a, filled(bodyBytes, 0x0a, 0)),
  schemas: () => message(0x0a, filled(bodyBytes, 0x1a, 1, 65)),
  '50,000 spans': () =>
    request(...Array.from({ length: 50_000 }, () => span(attribute(0x4a, 'k', text('x'.repeat(200)))))),
};

const jsonHead = `"traceId":"${'07'.repeat(16)}","spanId":"${'09'.repeat(8)}","startTimeUnixNano":"1763687640123456789","endTimeUnixNano":"1763687640123456789"`;
const jsonOf = (...spans: readonly string[]): string =>
  `{"pad":"${noise.toString()}","resourceSpans":[{"scopeSpans":[{"spans":[${spans.join(',')}]}]}]}`;
const jsonSpan = (more: string): string => `{${jsonHead},${more}}`;
const listOf = (bytes: number, item: string): string =>
  `[${Array.from({ length: Math.floor(bytes / (item.length + 1)) }, () => item).join(',')}]`;
const membersOf = (bytes: number): string =>
  Array.from({ length: Math.floor(bytes / 14) }, (_, i) => `"k${String(i).padStart(7, '0')}":1`).join(',');

const inJson: Readonly<Record<string, () => string>> = {
  'one string of quotes': () => jsonOf(jsonSpan(`"x":"${String.raw`\"`.repeat(bodyBytes / 2)}"`)),
  'many strings of quotes': () => jsonOf(jsonSpan(`"x":${listOf(bodyBytes, `"${String.raw`\"`.repeat(2_000)}"`)}`)),
  'one span of all attributes': () => jsonOf(jsonSpan(`"attributes":${listOf(bodyBytes, '{}')}`)),
  'one span of lists': () => jsonOf(jsonSpan(`"x":${listOf(bodyBytes, '[[]]')}`)),
  'a span of many attributes': () => jsonOf(jsonSpan(`"attributes":${listOf(90_000, '{}')}`)),
  'a span of many events': () => jsonOf(jsonSpan(`"events":${listOf(90_000, '{}')}`)),
  'a span of many links': () => jsonOf(jsonSpan(`"links":${listOf(90_000, '{}')}`)),
  'a span of many members': () => jsonOf(jsonSpan(membersOf(440_000))),
  'a value of many members': () => jsonOf(jsonSpan(`"attributes":[{"key":"k","value":{${membersOf(440_000)}}}]`)),
  'resources without anything': () => `{"pad":"${noise.toString()}","resourceSpans":${listOf(48_000, '{}')}}`,
  'members of no meaning': () => `{"pad":"${noise.toString()}",${membersOf(440_000)}}`,
  '45,000 spans': () => jsonOf(...Array.from({ length: 45_000 }, () => jsonSpan(`"name":"${'x'.repeat(150)}"`))),
};

/** Each close to a limit, or beyond one. */
export const largeBodies = (): Readonly<Record<string, LargeBody>> =>
  Object.fromEntries([
    ...Object.entries(inProtobuf).map(([name, make]) => [name, { body: padded(make()), isJson: false }] as const),
    ...Object.entries(inJson).map(
      ([name, make]) => [`${name} in JSON`, { body: Buffer.from(make()), isJson: true }] as const,
    ),
  ]);
