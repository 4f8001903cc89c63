// YAML and JSON files as plain data, read so that a hostile file costs an error message and nothing else.
import {
  type CST,
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  LineCounter,
  parseDocument,
  Parser,
  visit,
} from 'yaml';
import { CliError } from './cli-error.ts';

/** Limits on what a file may hold. */
export const yamlLimits = {
  documentBytesMax: 256 * 1024,
  fileBytesMax: 16 * 1024 * 1024,
  documentsMax: 10_000,
  depthMax: 64,
  aliasesMax: 20,
  /** A document's size once its aliases are written out. */
  expandedBytesMax: 1024 * 1024,
} as const;

/** One document of a file: its value is JSON and nothing more. */
export type YamlDocument = {
  readonly file: string;
  /** Counted from 1 over the documents that hold something. */
  readonly number: number;
  readonly value: unknown;
  /** The line in the file where a path stands, or the nearest thing around it. */
  readonly lineOf: (path: readonly PropertyKey[]) => number;
};

/** Keys that would change how objects behave, where a reader copies them about. */
const forbiddenKeys = new Set(['__proto__', 'constructor', 'prototype']);

/**
 * All documents of a text, in order; empty ones are left out. YAML 1.2 with its core schema: `yes` and dates stay
 * strings and 010 is ten. Throws a CliError that names file, document and line.
 */
export const yamlDocuments = (file: string, text: string): YamlDocument[] => {
  if (Buffer.byteLength(text) > yamlLimits.fileBytesMax) {
    throw new CliError(`${file}: larger than ${yamlLimits.fileBytesMax / 1024 / 1024} MiB`);
  }
  const chunks = split(text.replace(/^\uFEFF/, '')).filter((chunk) => hasContent(chunk.text));
  if (chunks.length > yamlLimits.documentsMax) {
    throw new CliError(`${file}: ${chunks.length} documents; at most ${yamlLimits.documentsMax} fit one file`);
  }
  return chunks.map((chunk, index) => read({ file, number: index + 1, ...chunk }));
};

type Chunk = { readonly text: string; readonly firstLine: number };
type Source = Chunk & { readonly file: string; readonly number: number };

/** A line that starts with `---` or `...` always ends a document, also inside quotes and blocks (YAML 1.2, rule 206). */
const split = (text: string): Chunk[] => {
  const chunks: Chunk[] = [];
  let firstLine = 1;
  let lines: string[] = [];
  for (const [index, line] of text.split(/\r\n|\n/).entries()) {
    const marker = /^(?:---|\.\.\.)(?=\s|$)/.exec(line);
    if (marker === null) {
      lines.push(line);
      continue;
    }
    chunks.push({ text: lines.join('\n'), firstLine });
    lines = [marker[0] === '---' ? `   ${line.slice(3)}` : ''];
    firstLine = index + 1;
  }
  return [...chunks, { text: lines.join('\n'), firstLine }];
};

const hasContent = (text: string): boolean => text.split('\n').some((line) => !/^\s*(?:#.*|%.*)?$/.test(line));

const read = (source: Source): YamlDocument => {
  const bytes = Buffer.byteLength(source.text);
  if (bytes > yamlLimits.documentBytesMax) {
    throw failure(source, source.firstLine, `${bytes} bytes; a document may have ${yamlLimits.documentBytesMax}`);
  }
  const lineCounter = new LineCounter();
  const lineAt = (offset: number): number => source.firstLine + Math.max(lineCounter.linePos(offset).line, 1) - 1;
  // Before anything recursive touches it: deep nesting has been seen to end the whole process.
  const deep = tooDeep(source.text);
  if (deep !== undefined) {
    const line = source.firstLine + source.text.slice(0, deep).split('\n').length - 1;
    throw failure(source, line, `nested deeper than ${yamlLimits.depthMax} levels`);
  }
  const document = parseDocument(source.text, {
    version: '1.2',
    schema: 'core',
    merge: false,
    resolveKnownTags: false,
    stringKeys: true,
    uniqueKeys: true,
    lineCounter,
    prettyErrors: false,
  });
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) throw failure(source, lineAt(problem.pos[0]), problem.message);
  refuseWhatJsonHasNot(document, (offset, message) => failure(source, lineAt(offset), message));
  const { file, number } = source;
  return {
    file,
    number,
    value: plain(source, document),
    lineOf: (path) => lineAt(offsetOf(document, path)),
  };
};

/** The offset of the first thing nested too deep, found without recursion. */
const tooDeep = (text: string): number | undefined => {
  const open: { token: CST.Token; depth: number }[] = [];
  for (const token of new Parser().parse(text)) open.push({ token, depth: 0 });
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { token, depth } = next;
    if (depth > yamlLimits.depthMax) return token.offset < 0 ? 0 : token.offset;
    if (token.type === 'document' && token.value) open.push({ token: token.value, depth });
    if (!('items' in token)) continue;
    for (const item of token.items) {
      if (item.key) open.push({ token: item.key, depth: depth + 1 });
      if ('value' in item && item.value) open.push({ token: item.value, depth: depth + 1 });
    }
  }
  return undefined;
};

const refuseWhatJsonHasNot = (document: Document, fail: (offset: number, message: string) => CliError): void => {
  visit(document, {
    Pair: (_, pair) => {
      const key = isScalar(pair.key) ? String(pair.key.value) : '';
      if (forbiddenKeys.has(key)) throw fail(start(pair.key), `the key '${key}' is not allowed`);
    },
    Scalar: (_, scalar) => {
      const { value } = scalar;
      if (typeof value === 'bigint' || (Number.isInteger(value) && !Number.isSafeInteger(value))) {
        throw fail(start(scalar), `the number ${String(scalar.source ?? value)} loses digits; quote it`);
      }
      if (typeof value === 'number' && !Number.isFinite(value)) {
        throw fail(start(scalar), `${String(scalar.source ?? value)} is no number that JSON has; quote it`);
      }
    },
  });
};

const plain = (source: Source, document: Document): unknown => {
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: yamlLimits.aliasesMax });
  } catch (error) {
    throw failure(source, source.firstLine, 'more aliases than a document may use; write the values out', error);
  }
  if (hasCycle(value, 0)) throw failure(source, source.firstLine, 'an alias contains itself or nests too deep');
  if (JSON.stringify(value).length > yamlLimits.expandedBytesMax) {
    throw failure(source, source.firstLine, 'its aliases make it larger than 1 MiB; write less');
  }
  return value;
};

/** Aliases can make a value deeper than its text, up to without end. */
const hasCycle = (value: unknown, depth: number): boolean => {
  if (depth > yamlLimits.depthMax) return true;
  if (value === null || typeof value !== 'object') return false;
  return Object.values(value).some((part) => hasCycle(part, depth + 1));
};

const offsetOf = (document: Document, path: readonly PropertyKey[]): number => {
  for (let length = path.length; length > 0; length -= 1) {
    const parent = document.getIn(path.slice(0, length - 1), true) ?? document.contents;
    const last = path[length - 1];
    // The key, rather than its value, is what people look for.
    const pair = isMap(parent) ? parent.items.find(({ key }) => isScalar(key) && key.value === last) : undefined;
    if (pair !== undefined) return start(pair.key);
    const node = document.getIn(path.slice(0, length), true);
    if (isNode(node) && !isAlias(node)) return start(node);
  }
  return start(document.contents);
};

const start = (node: unknown): number => (isNode(node) ? (node.range?.[0] ?? 0) : 0);

const failure = (source: Source, line: number, message: string, cause?: unknown): CliError =>
  new CliError(`${source.file}: document ${source.number}, line ${line}: ${message}`, { cause });
