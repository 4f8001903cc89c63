// YAML and JSON files as plain data, read so that a hostile file costs an error message and nothing else.
import {
  Composer,
  type CST,
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  Parser,
  type Scalar,
  visit,
  type YAMLMap,
} from 'yaml';
import { CliError } from './cli-error.ts';
import { printable } from './printable.ts';
import { yamlWords } from './yaml-words.ts';

/** Limits on what a file may hold. */
export const yamlLimits = {
  documentBytesMax: 256 * 1024,
  fileBytesMax: 16 * 1024 * 1024,
  documentsMax: 10_000,
  depthMax: 64,
  /** Keys, values, lists and maps of one document. */
  valuesMax: 20_000,
  /** The pieces a document is written in, comments, line ends and blanks among them. */
  tokensMax: 150_000,
  aliasesMax: 20,
  /** A document's size once its aliases are written out. */
  expandedBytesMax: 1024 * 1024,
} as const;

/** Where a document cannot be read, and why. */
export type YamlProblem = {
  readonly file: string;
  readonly number: number;
  readonly line: number;
  readonly message: string;
};

export class YamlError extends CliError {
  readonly problem: YamlProblem;

  constructor(problem: YamlProblem, cause?: unknown) {
    super(`${problem.file}: document ${problem.number}, line ${problem.line}: ${problem.message}`, { cause });
    this.name = 'YamlError';
    this.problem = problem;
  }
}

/** The line of a thing, and of what is in it. */
export type Lines = { readonly line: number; readonly inside: ReadonlyMap<string | number, Lines> };

/** One document of a file: its value is JSON and nothing more. */
export type ReadDocument = {
  /** Counted from 1 over the documents that hold something. */
  readonly number: number;
  readonly value: unknown;
  readonly lines: Lines;
};

export type YamlDocument = {
  readonly file: string;
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
export const yamlDocuments = (file: string, text: string): YamlDocument[] =>
  chunksOf(file, text).map((chunk) => yamlDocument(file, readChunk(file, chunk)));

/** A document that was read, possibly by another thread. */
export const yamlDocument = (file: string, { number, value, lines }: ReadDocument): YamlDocument => ({
  file,
  number,
  value,
  lineOf: (path) => {
    let at = lines;
    for (const key of path) {
      const next = typeof key === 'symbol' ? undefined : at.inside.get(key);
      if (next === undefined) return at.line;
      at = next;
    }
    return at.line;
  },
});

/** The text of one document, and where in its file it stands. */
export type Chunk = { readonly text: string; readonly firstLine: number; readonly number: number };

/** A file cut into its documents; nothing of them has been read yet. */
export const chunksOf = (file: string, text: string): Chunk[] => {
  if (Buffer.byteLength(text) > yamlLimits.fileBytesMax) {
    throw new CliError(`${file}: larger than ${yamlLimits.fileBytesMax / 1024 / 1024} MiB`);
  }
  const chunks = split(text.replace(/^\uFEFF/, '')).filter((chunk) => hasContent(chunk.text));
  if (chunks.length > yamlLimits.documentsMax) {
    throw new CliError(`${file}: ${chunks.length} documents; at most ${yamlLimits.documentsMax} fit one file`);
  }
  return chunks.map((chunk, index) => ({ ...chunk, number: index + 1 }));
};

/** A line that starts with `---` or `...` always ends a document, also inside quotes and blocks (YAML 1.2, rule 206). */
const split = (text: string): Omit<Chunk, 'number'>[] => {
  const chunks: Omit<Chunk, 'number'>[] = [];
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

type Source = Chunk & { readonly file: string; readonly lineAt: (offset: number) => number };

/** Reads one document. Throws a YamlError. */
export const readChunk = (file: string, chunk: Chunk): ReadDocument => {
  const bytes = Buffer.byteLength(chunk.text);
  const lineCounter = new LineCounter();
  const lineAt = (offset: number): number =>
    chunk.firstLine + Math.max(lineCounter.linePos(Math.max(offset, 0)).line, 1) - 1;
  const source: Source = { ...chunk, file, lineAt };
  if (bytes > yamlLimits.documentBytesMax) {
    throw failure(source, 0, `${bytes} bytes; a document may have ${yamlLimits.documentBytesMax}`);
  }
  // Before anything recursive touches it: deep nesting has been seen to end the whole process.
  const tokens = tokensOf(source, lineCounter);
  refuseTooMuch(source, tokens);
  const document = composed(source, tokens);
  refuseWhatJsonHasNot(source, document);
  return { number: chunk.number, value: plain(source, document), lines: linesOf(document.contents, lineAt) };
};

/** Read piece by piece, so that a text of a million pieces is given up early. */
const tokensOf = (source: Source, lineCounter: LineCounter): CST.Token[] => {
  const parser = new Parser(lineCounter.addNewLine);
  lineCounter.addNewLine(0);
  const tokens: CST.Token[] = [];
  const take = (token: CST.Token): void => {
    // What follows a first mistake of this kind is noise, and may be a lot of it.
    if (token.type === 'error') throw failure(source, token.offset, yamlWords('UNEXPECTED_TOKEN'));
    tokens.push(token);
  };
  let count = 0;
  for (const lexeme of new Lexer().lex(source.text)) {
    count += 1;
    if (count > yamlLimits.tokensMax) {
      throw failure(source, parser.offset, `written in more than ${yamlLimits.tokensMax} pieces; split the document`);
    }
    for (const token of parser.next(lexeme)) take(token);
  }
  for (const token of parser.end()) take(token);
  return tokens;
};

/** Depth and number of what a document holds, found without recursion. */
const refuseTooMuch = (source: Source, tokens: readonly CST.Token[]): void => {
  let count = 0;
  const roots = tokens.filter(({ type }) => type === 'document');
  const open: { token: CST.Token; depth: number }[] = roots.map((token) => ({ token, depth: 0 }));
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { token, depth } = next;
    count += 1;
    if (depth > yamlLimits.depthMax) {
      throw failure(source, token.offset, `nested deeper than ${yamlLimits.depthMax} levels`);
    }
    if (token.type === 'document' && token.value) open.push({ token: token.value, depth });
    if (!('items' in token)) continue;
    for (const item of token.items) {
      if (item.key) open.push({ token: item.key, depth: depth + 1 });
      if ('value' in item && item.value) open.push({ token: item.value, depth: depth + 1 });
    }
  }
  if (count > yamlLimits.valuesMax) {
    throw failure(source, 0, `holds ${count} keys and values; a document may hold ${yamlLimits.valuesMax}`);
  }
};

const composed = (source: Source, tokens: readonly CST.Token[]): Document => {
  const composer = new Composer({
    version: '1.2',
    schema: 'core',
    merge: false,
    resolveKnownTags: false,
    stringKeys: true,
    // The library compares each key with every other one; see refuseWhatJsonHasNot.
    uniqueKeys: false,
    prettyErrors: false,
  });
  const [document] = [...composer.compose(tokens, true, source.text.length)];
  if (document === undefined) throw failure(source, 0, 'there is nothing in it');
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) throw failure(source, problem.pos[0], yamlWords(problem.code));
  return document;
};

const refuseWhatJsonHasNot = (source: Source, document: Document): void => {
  const anchors = new Set<string>();
  const note = ({ anchor }: { readonly anchor?: string }): void => {
    if (anchor !== undefined) anchors.add(anchor);
  };
  visit(document, {
    Alias: (_, alias) => {
      if (!anchors.has(alias.source)) throw failure(source, start(alias), yamlWords('BAD_ALIAS'));
    },
    Seq: (_, seq) => note(seq),
    Map: (_, map) => {
      note(map);
      refuseKeys(source, map);
    },
    Scalar: (_, scalar) => {
      note(scalar);
      refuseNumber(source, scalar);
    },
  });
};

const refuseKeys = (source: Source, map: YAMLMap): void => {
  const seen = new Map<string, number>();
  for (const { key } of map.items) {
    const name = isScalar(key) ? String(key.value) : '';
    const line = source.lineAt(start(key));
    const before = seen.get(name);
    const quoted = `the key '${printable(name)}'`;
    if (before !== undefined) throw failure(source, start(key), `${quoted} is also at line ${before}; keep one`);
    if (forbiddenKeys.has(name)) throw failure(source, start(key), `${quoted} is not allowed`);
    if (name === '<<') throw failure(source, start(key), 'merge keys (<<) are not taken; write the values out');
    seen.set(name, line);
  }
};

const refuseNumber = (source: Source, scalar: Scalar): void => {
  const { value } = scalar;
  const said = printable(scalar.source ?? String(value)).slice(0, 80);
  if (typeof value === 'bigint' || (Number.isInteger(value) && !Number.isSafeInteger(value))) {
    throw failure(source, start(scalar), `the number ${said} loses digits; quote it`);
  }
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw failure(source, start(scalar), `${said} is no number that JSON has; quote it`);
  }
};

const plain = (source: Source, document: Document): unknown => {
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: yamlLimits.aliasesMax });
  } catch (error) {
    throw failure(source, 0, 'more aliases than a document may use; write the values out', error);
  }
  if (hasCycle(value, 0)) throw failure(source, 0, 'an alias contains itself or nests too deep');
  if (JSON.stringify(value).length > yamlLimits.expandedBytesMax) {
    throw failure(source, 0, 'its aliases make it larger than 1 MiB; write less');
  }
  return value;
};

/** Aliases can make a value deeper than its text, up to without end. */
const hasCycle = (value: unknown, depth: number): boolean => {
  if (depth > yamlLimits.depthMax) return true;
  if (value === null || typeof value !== 'object') return false;
  return Object.values(value).some((part) => hasCycle(part, depth + 1));
};

/** The key, rather than its value, is what people look for. What stands behind an alias has the alias's line. */
const linesOf = (node: unknown, lineAt: (offset: number) => number, line = lineAt(start(node))): Lines => {
  const inside = new Map<string | number, Lines>();
  if (isMap(node)) {
    for (const { key, value } of node.items) {
      if (isScalar(key)) inside.set(String(key.value), linesOf(value, lineAt, lineAt(start(key))));
    }
  } else if (isSeq(node) && !isAlias(node)) {
    for (const [index, item] of node.items.entries()) inside.set(index, linesOf(item, lineAt));
  }
  return { line, inside };
};

const start = (node: unknown): number => (isNode(node) ? (node.range?.[0] ?? 0) : 0);

const failure = ({ file, number, lineAt }: Source, offset: number, message: string, cause?: unknown): YamlError =>
  new YamlError({ file, number, line: lineAt(offset), message }, cause);
