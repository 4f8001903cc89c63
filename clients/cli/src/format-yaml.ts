// One way to write a document: fields in the order of their schema, two blanks for each level; comments stay.
import { isDeepStrictEqual } from 'node:util';
import { type Document, isAlias, isMap, isScalar, isSeq, parseAllDocuments, visit, type YAMLMap } from 'yaml';
import { CliError } from './cli-error.ts';
import { documentKindOf } from './document-kinds.ts';
import { type Place, placeOf } from './schema-fields.ts';
import { type YamlDocument, yamlDocuments } from './yaml-documents.ts';

const noFields: Place = { fields: [], at: () => noFields };

/**
 * The same documents, formatted; formatting what comes of it changes nothing more. `read` is what the text says: documents
 * of a kind that is not known keep the order of their fields. A file named .json holds one document and stays JSON.
 */
export const formatYaml = (file: string, text: string, read: readonly YamlDocument[]): string => {
  const source = text.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n');
  const formatted = file.endsWith('.json') ? formatJson(file, source, read) : formatDocuments(file, source);
  const before = read.map(({ value }) => value);
  const after = yamlDocuments(file, formatted).map(({ value }) => value);
  if (!isDeepStrictEqual(before, after))
    throw new CliError(`${file}: cannot be formatted without changing what it says`);
  return formatted;
};

const formatJson = (file: string, source: string, [document, ...more]: readonly YamlDocument[]): string => {
  try {
    JSON.parse(source);
  } catch (error) {
    throw new CliError(`${file}: is named .json and is no JSON; name it .yaml, or write JSON`, { cause: error });
  }
  if (document === undefined || more.length > 0) throw new CliError(`${file}: a .json file holds one document`);
  return `${JSON.stringify(sortedJson(document.value, fieldsOf(document.value)), null, 2)}\n`;
};

const formatDocuments = (file: string, source: string): string => {
  if (/^%/m.test(source)) throw new CliError(`${file}: has a line that starts with %; remove it, documents need none`);
  const documents = [...parseAllDocuments(source, { version: '1.2', schema: 'core', uniqueKeys: false })].filter(
    saysSomething,
  );
  for (const document of documents) {
    // An alias has to stand behind its anchor: what uses them keeps its order.
    if (!hasAlias(document)) sort(document.contents, fieldsOf(document.toJS()));
    document.directives.docStart = null;
  }
  const texts = documents.map((document) =>
    document
      .toString({ lineWidth: 0 })

      .trim(),
  );
  return `${texts.join('\n---\n')}\n`;
};

/** Nothing between two markers is no document; a lone comment is kept. */
const saysSomething = (document: Document): boolean => {
  const { contents, commentBefore, comment } = document;
  const isEmpty = contents === null || (isScalar(contents) && contents.value === null && !contents.commentBefore);
  return !isEmpty || Boolean(commentBefore) || Boolean(comment);
};

const fieldsOf = (value: unknown): Place => {
  const said = typeof value === 'object' && value !== null && 'kind' in value ? value.kind : undefined;
  const kind = typeof said === 'string' ? documentKindOf(said) : undefined;
  return kind === undefined ? noFields : placeOf(kind.schema);
};

const hasAlias = (document: Document): boolean => {
  let found = false;
  visit(document, { Alias: () => ((found = true), visit.BREAK) });
  return found;
};

const sort = (node: unknown, place: Place, isTop = true): void => {
  if (isSeq(node)) for (const [index, item] of node.items.entries()) sort(item, place.at(index), false);
  if (!isMap(node) || isAlias(node)) return;
  for (const { key, value } of node.items) sort(value, place.at(nameOf(key)), false);
  sortPairs(node, place.fields, isTop);
};

/** A comment above a field goes where the field goes; at the top of a document it is about the document, and stays. */
const sortPairs = (map: YAMLMap, fields: readonly string[], isTop: boolean): void => {
  const first = map.items[0]?.key;
  const sorted = byFields(map.items, fields, ({ key }) => nameOf(key));
  const next = sorted[0]?.key;
  map.items = sorted;
  if (!isScalar(first) || !isScalar(next) || first === next) return;
  const above = [map.commentBefore, first.commentBefore].filter(Boolean).join('\n');
  map.commentBefore = null;
  first.commentBefore = isTop ? null : above;
  if (isTop) next.commentBefore = [above, next.commentBefore].filter(Boolean).join('\n');
  next.spaceBefore = false;
};

const nameOf = (key: unknown): string => (isScalar(key) ? String(key.value) : '');

/** Known fields in their order, then all others as they stood. */
const byFields = <Item>(items: readonly Item[], fields: readonly string[], name: (item: Item) => string): Item[] => {
  const rank = new Map(fields.map((field, index) => [field, index]));
  const placeIn = (item: Item): number => rank.get(name(item)) ?? fields.length;
  return items.toSorted((a, b) => placeIn(a) - placeIn(b));
};

const sortedJson = (value: unknown, place: Place): unknown => {
  if (Array.isArray(value)) return value.map((item, index) => sortedJson(item, place.at(index)));
  if (typeof value !== 'object' || value === null) return value;
  const entries = byFields(Object.entries(value), place.fields, ([key]) => key);
  return Object.fromEntries(entries.map(([key, part]) => [key, sortedJson(part, place.at(key))]));
};
