// The ordinary kind of document: a thing that is found by its name, made by POST, changed by PATCH and listed by GET.
import { z } from 'zod';
import type {
  Current,
  Document,
  DocumentKind,
  LabelsAt,
  LayerChange,
  Reference,
  Remark,
  Server,
} from './document-kind.ts';

type Spec = Readonly<Record<string, unknown>>;

type NamedKind<D extends Document, T extends { readonly id: string; readonly name: string }> = {
  readonly kind: string;
  readonly noun: string;
  readonly path: string;
  readonly document: z.ZodType<D>;
  /** What is read of the server's answers. */
  readonly thing: z.ZodType<T>;
  /** See DocumentKind. */
  readonly labelsAt?: LabelsAt;
  readonly isLeaf?: boolean;
  readonly references?: (document: D) => readonly Reference[];
  /** What `lint` has to say beside what the schema says. */
  readonly remarks?: (document: D) => readonly Remark[];
  /** The `spec` of the document that would make this thing: names where the server has ids, nothing it made up itself. */
  readonly specOf: (thing: T, server: Server) => Spec | Promise<Spec>;
  /** What POST takes beside the name; ids where the document has names. Default: `spec` as it stands. */
  readonly bodyOf?: (document: D, server: Server) => Spec | Promise<Spec>;
  /** Fields of that body which cannot be changed, and which PATCH does not take. */
  readonly fixed?: readonly string[];
  /** Why this document cannot change that thing. */
  readonly refusal?: (document: D, thing: T) => string | undefined;
  /** What there is to wait for once it was made or changed; `answer` is what the server has now. Default: nothing. */
  readonly changed?: (answer: T, title: string) => LayerChange;
  /** Things that no document made, such as packs that come with Molthub. */
  readonly isForeign?: (thing: T) => boolean;
};

/** A row for document-kinds.ts. */
export const namedKind = <D extends Document, T extends { readonly id: string; readonly name: string }>(
  row: NamedKind<D, T>,
): DocumentKind => {
  const { kind, noun, path, document: schema } = row;
  const titleOf = (name: string): string => `${noun}/${name}`;
  const bodyOf = async (document: Document, server: Server): Promise<Spec> => {
    const typed = schema.parse(document);
    return row.bodyOf === undefined ? typed.spec : row.bodyOf(typed, server);
  };
  const currentOf = async (thing: T, server: Server): Promise<Current> => {
    const title = titleOf(thing.name);
    const layer = row.changed?.(thing, title);
    const spec = await row.specOf(thing, server);
    const document: Document = { apiVersion: 'molthub/v1', kind, metadata: { name: thing.name }, spec };
    return { id: thing.id, title, document, ...(layer === undefined ? {} : { layer }) };
  };
  return {
    kind,
    noun,
    path,
    schema,
    labelsAt: row.labelsAt,
    isWhole: false,
    comparable: (document) => document,
    isLeaf: row.isLeaf ?? false,
    titleOf: ({ metadata }) => titleOf(metadata.name),
    referencesOf: (document) => row.references?.(schema.parse(document)) ?? [],
    remarksOn: (document) => row.remarks?.(schema.parse(document)) ?? [],
    find: async (server, document) => {
      const found = await server.thing(kind, document.metadata.name);
      if (found === undefined) return undefined;
      const thing = row.thing.parse(found);
      return { ...(await currentOf(thing, server)), refusal: row.refusal?.(schema.parse(document), thing) };
    },
    all: async (server, { id } = {}) => {
      const { client } = server;
      const things =
        id === undefined ? await client.all(row.thing, path) : [await client.get(row.thing, `${path}/${id}`)];
      return Promise.all(things.filter((thing) => !row.isForeign?.(thing)).map((thing) => currentOf(thing, server)));
    },
    create: async (server, document) => {
      const body = { name: document.metadata.name, ...(await bodyOf(document, server)) };
      const made = await server.client.post(row.thing, path, body, (id) => `${path}/${id}`);
      return row.changed?.(made, titleOf(made.name));
    },
    change: async (server, document, { id }) => {
      const body = Object.entries(await bodyOf(document, server)).filter(([field]) => !row.fixed?.includes(field));
      const patched = await server.client.patch(z.unknown(), `${path}/${id}`, Object.fromEntries(body));
      return row.changed?.(row.thing.parse(patched), titleOf(document.metadata.name));
    },
  };
};
