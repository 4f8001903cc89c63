// The fields that a kind of document has at a place, in the order in which its schema names them.
import { z } from 'zod';

type Node = {
  readonly $ref?: string | undefined;
  readonly properties?: Readonly<Record<string, Node>> | undefined;
  readonly additionalProperties?: Node | boolean | undefined;
  readonly items?: Node | boolean | undefined;
  readonly anyOf?: readonly Node[] | undefined;
  readonly oneOf?: readonly Node[] | undefined;
  readonly allOf?: readonly Node[] | undefined;
};
type Root = Node & { readonly $defs?: Readonly<Record<string, Node>> | undefined };

const Node: z.ZodType<Node> = z.lazy(() => {
  const several = z.array(Node).optional();
  return z.looseObject({
    $ref: z.string().optional(),
    properties: z.record(z.string(), Node).optional(),
    additionalProperties: z.union([z.boolean(), Node]).optional(),
    items: z.union([z.boolean(), Node]).optional(),
    anyOf: several,
    oneOf: several,
    allOf: several,
  });
});
const Root: z.ZodType<Root> = z.intersection(Node, z.looseObject({ $defs: z.record(z.string(), Node).optional() }));

/** What may stand at one place of a document: several nodes where the schema leaves a choice. */
export type Place = { readonly fields: readonly string[]; readonly at: (key: string | number) => Place };

const roots = new Map<z.ZodType, Root>();

/** The top of the documents that a schema takes. */
export const placeOf = (schema: z.ZodType): Place => {
  const known = roots.get(schema);
  const root = known ?? Root.parse(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }));
  roots.set(schema, root);
  return place(root, choices(root, [root]));
};

const place = (root: Root, nodes: readonly Node[]): Place => ({
  fields: [...new Set(nodes.flatMap(({ properties }) => Object.keys(properties ?? {})))],
  at: (key) =>
    place(
      root,
      choices(
        root,
        nodes.flatMap((node) => below(node, key)),
      ),
    ),
});

const below = ({ properties, additionalProperties, items }: Node, key: string | number): readonly Node[] => {
  const next =
    typeof key === 'number'
      ? items
      : (Object.entries(properties ?? {}).find(([name]) => name === key)?.[1] ?? additionalProperties);
  return typeof next === 'object' ? [next] : [];
};

/** References followed and choices opened; a schema that refers to itself is followed once. */
const choices = (root: Root, nodes: readonly Node[], seen = new Set<Node>()): readonly Node[] =>
  nodes.flatMap((node) => {
    if (seen.has(node)) return [];
    seen.add(node);
    const named = node.$ref?.startsWith('#/$defs/') ? root.$defs?.[node.$ref.slice('#/$defs/'.length)] : undefined;
    const more = [named ?? [], node.anyOf ?? [], node.oneOf ?? [], node.allOf ?? []].flat();
    return [node, ...choices(root, more, seen)];
  });
