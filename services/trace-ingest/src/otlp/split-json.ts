// Cuts a large OTLP/JSON body into its elements, so that no single JSON.parse holds up the process.
import type { Pace } from './pace.ts';
import { malformed, Refusal } from './refusal.ts';

/** The three lists around the elements, from outside in, such as resourceSpans, scopeSpans, spans. */
export type Lists = readonly [string, string, string];

/** An element as it stands in the body. `values` is how many it holds, itself included, if it is JSON. */
export type JsonElement = { readonly bytes: Buffer; readonly values: number };

/** `skeleton` is the body as parsed, with an index into `elements` in the place of each element of the inner list. */
export type SplitJson = { readonly skeleton: unknown; readonly elements: readonly JsonElement[] };

const depthMax = 256;
const skeletonBytesMax = 1024 * 1024;
const elementsMax = 50_000;
const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const colon = 0x3a;

/** Beside the elements: parsing so many holds up nobody. */
const skeletonValuesMax = 32_768;

/**
 * Scans the bytes once. Only the shape is looked at: whether skeleton and elements are JSON is for JSON.parse to say.
 * Throws a 400 where the skeleton is none or is nested more than 256 deep, a 413 where it
 * exceeds 1 MiB or 32,768 values beside the elements, or has more than 50,000 elements.
 */
export const splitJson = async (body: Buffer, lists: Lists, pace: Pace): Promise<SplitJson> => {
  const elements: JsonElement[] = [];
  const parts: Buffer[] = [];
  let copied = 0;
  let depth = 0;
  // How many containers, from the outermost in, lie on the way to the elements.
  let onWay = 0;
  let key = '';
  let expectKey = false;
  let elementAt = -1;
  let stringAt = -1;
  let values = 0;
  let valuesOfElements = 0;
  let valuesBefore = 0;
  let steps = 0;
  for (let at = 0; at < body.length; at++) {
    if ((++steps & 255) === 0 && pace.due(256)) await pace.rest();
    if (stringAt >= 0) {
      at = quoteAt(body, at);
      if (isEscaped(body, stringAt, at)) continue;
      if (expectKey) key = body.toString('utf8', stringAt, Math.min(at, stringAt + 32));
      stringAt = -1;
      continue;
    }
    const byte = body[at];
    const inList = depth === 6 && onWay === 6;
    if (inList && elementAt < 0 && byte !== undefined && startsElement(byte)) {
      elementAt = at;
      valuesBefore = values;
    }
    if (byte === quote) stringAt = at + 1;
    else if (byte === 0x7b || byte === 0x5b) {
      values += 1;
      depth += 1;
      if (depth > depthMax) throw malformed(`The JSON is nested more than ${depthMax} deep.`);
      if (onWay === depth - 1 && leadsOn(depth, byte, key, lists)) onWay = depth;
      expectKey = onWay === depth && depth % 2 === 1;
    } else if (byte === 0x7d || byte === 0x5d) {
      if (inList && elementAt >= 0) close(at);
      depth -= 1;
      onWay = Math.min(onWay, depth);
      expectKey = false;
    } else if (byte === comma) {
      if (inList && elementAt >= 0) close(at);
      values += 1;
      expectKey = onWay === depth && depth % 2 === 1;
    } else if (byte === colon) expectKey = false;
  }
  function close(end: number) {
    if (elements.length >= elementsMax) {
      throw new Refusal(413, `A request has at most ${elementsMax} ${lists[2]}; send several.`);
    }
    parts.push(body.subarray(copied, elementAt), Buffer.from(String(elements.length)));
    elements.push({ bytes: body.subarray(elementAt, end), values: values - valuesBefore });
    valuesOfElements += values - valuesBefore;
    copied = end;
    elementAt = -1;
  }
  parts.push(body.subarray(copied));
  const skeleton = Buffer.concat(parts);
  if (skeleton.length > skeletonBytesMax || values - valuesOfElements - elements.length > skeletonValuesMax) {
    throw new Refusal(
      413,
      `The JSON around ${lists[2]} has at most ${skeletonBytesMax} bytes and ${skeletonValuesMax} values; send smaller requests.`,
    );
  }
  return { skeleton: parseJson(skeleton), elements };
};

/** Parses JSON, or throws a 400 that says where it went wrong. */
export const parseJson = (bytes: Buffer): unknown => {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw malformed('The body is not JSON.', error);
  }
};

const startsElement = (byte: number): boolean => byte > 0x20 && byte !== comma && byte !== 0x5d && byte !== 0x7d;

const leadsOn = (depth: number, byte: number, key: string, lists: Lists): boolean => {
  if (depth > 6) return false;
  if (depth % 2 === 1) return byte === 0x7b;
  return byte === 0x5b && key === lists[depth / 2 - 1];
};

/** Where the text that begins at `from` has its closing quote; the end of the body where it has none. */
export const endOfString = (body: Buffer, from: number): number => {
  let at = quoteAt(body, from);
  while (at < body.length && isEscaped(body, from, at)) at = quoteAt(body, at + 1);
  return at;
};

const quoteAt = (body: Buffer, from: number): number => {
  const at = body.indexOf(quote, from);
  return at < 0 ? body.length : at;
};

/** Whether an odd number of backslashes stands in front of a place in a string. */
const isEscaped = (body: Buffer, stringAt: number, at: number): boolean => {
  let backslashes = 0;
  while (at - 1 - backslashes >= stringAt && body[at - 1 - backslashes] === backslash) backslashes += 1;
  return backslashes % 2 === 1;
};
