// The OpenAPI 3.1 document, from the very schemas that validate.
import { z } from 'zod';
import { problemSchema } from './problem.ts';

export type Operation = {
  readonly method: string;
  /** With `:name` for parameters. */
  readonly path: string;
  readonly summary: string;
  readonly tag: string;
  /** What the caller must be allowed to do; null where no key is needed. */
  readonly permission: string | null;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  readonly headers?: readonly { readonly name: string; readonly description: string }[];
  readonly answers: readonly {
    readonly status: number;
    readonly about: string;
    readonly body?: z.ZodType;
    readonly type?: string;
  }[];
};

type Json = Readonly<Record<string, unknown>>;

/** `codes` lists the error codes that callers may meet; `names` the schemas that stand once, under a name of their own. */
export const openApiDocument = (parts: {
  readonly title: string;
  readonly version: string;
  readonly description: string;
  readonly operations: readonly Operation[];
  readonly codes: readonly string[];
  readonly names: Readonly<Record<string, z.ZodType>>;
}): Json => {
  const components: Record<string, unknown> = {};
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(parts.names)) registry.add(schema, { id });
  const schemaOf = (schema: z.ZodType, io: 'input' | 'output', name: string) =>
    hoisted(schema, io, name, { components, registry });
  components['Problem'] = {
    ...schemaOf(problemSchema, 'output', 'Problem'),
    'x-molthub-codes': [...parts.codes].sort(),
  };
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of parts.operations) {
    const path = operation.path.replace(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [operation.method.toLowerCase()]: described(operation, schemaOf) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: parts.title,
      version: parts.version,
      description: parts.description,
      license: { name: 'Apache-2.0' },
    },
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    security: [{ bearer: [] }],
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', description: 'An API key.' } },
      schemas: components,
    },
  };
};

type Names = z.core.$ZodRegistry<{ id: string }>;
type SchemaOf = (schema: z.ZodType, io: 'input' | 'output', name: string) => Json;

const described = (operation: Operation, schemaOf: SchemaOf): Json => {
  const id = operationId(operation);
  const parameters = [
    ...parametersOf(operation.params, 'path', id, schemaOf),
    ...parametersOf(operation.query, 'query', id, schemaOf),
    ...(operation.headers ?? []).map(({ name, description }) => ({
      name,
      in: 'header',
      required: false,
      description,
      schema: { type: 'string' },
    })),
  ];
  return {
    operationId: id,
    summary: operation.summary,
    tags: [operation.tag],
    ...(operation.permission === null ? { security: [] } : { 'x-molthub-permission': operation.permission }),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(operation.body
      ? {
          requestBody: {
            required: !operation.body.safeParse(undefined).success,
            content: { 'application/json': { schema: schemaOf(operation.body, 'input', `${id}Body`) } },
          },
        }
      : {}),
    responses: {
      ...Object.fromEntries(
        operation.answers.map(({ status, about, body, type }) => [
          String(status),
          {
            description: about,
            ...(body
              ? { content: { [type ?? 'application/json']: { schema: schemaOf(body, 'output', `${id}${status}`) } } }
              : {}),
          },
        ]),
      ),
      default: {
        description: 'The request was not carried out.',
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    },
  };
};

/** `GET /fleets/:id/health` → `getFleetsIdHealth` */
const operationId = ({ method, path }: Operation): string =>
  method.toLowerCase() +
  path
    .replace(/^\/api\/v1(?=\/)/, '')
    .split(/[^A-Za-z0-9]+/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');

const parametersOf = (schema: z.ZodObject | undefined, place: 'path' | 'query', id: string, schemaOf: SchemaOf) =>
  Object.entries(schema?.shape ?? {}).map(([name, field]) => {
    const type = z.custom<z.ZodType>((value) => value instanceof z.ZodType).parse(field);
    return {
      name,
      in: place,
      required: place === 'path' || !type.safeParse(undefined).success,
      schema: schemaOf(type, 'input', `${id}${place}${name}`),
    };
  });

/** A schema without `$defs`: what it defines moves to the document's components, since `#` means the document here. */
const hoisted = (
  schema: z.ZodType,
  io: 'input' | 'output',
  name: string,
  { components, registry }: { readonly components: Record<string, unknown>; readonly registry: Names },
): Json => {
  const {
    $schema: _,
    $defs,
    ...root
  } = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    reused: 'inline',
    metadata: registry,
    // The registry has names only; what fields are is said where `describe` puts it.
    override: ({ zodSchema, jsonSchema }) => {
      const description = z.globalRegistry.get(zodSchema)?.description;
      if (description !== undefined) jsonSchema.description ??= description;
    },
  });
  // What a request may leave out an answer always has, so a named schema has two forms.
  const renamed = (def: string) =>
    def.startsWith('__') ? `${name}${def.replaceAll('_', '')}` : io === 'input' ? `${def}Request` : def;
  const rewrite = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(rewrite);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [
        key,
        key === '$ref' && typeof inner === 'string'
          ? inner === '#'
            ? `#/components/schemas/${name}`
            : inner.replace(/^#\/\$defs\/(.+)$/, (_match, def: string) => `#/components/schemas/${renamed(def)}`)
          : rewrite(inner),
      ]),
    );
  };
  for (const [def, body] of Object.entries($defs ?? {})) components[renamed(def)] ??= rewrite(body);
  const result = rewrite(root);
  const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null;
  return isJson(result) ? result : {};
};
