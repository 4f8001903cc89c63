// Lists: a page of rows of a published view, after a signed cursor, in an order and by filters from closed lists.
import { platformWorkspace } from '@molthub/contracts';
import { parsePart } from '@molthub/http';
import { z } from 'zod';
import { isOperator } from './principal.ts';
import type { Call } from './route.ts';
import { plainRow, type PlainRow } from './read-side.ts';

/** Everything here is fixed text of ours; what callers send only ever becomes a parameter. */
export type ListingParts = {
  readonly name: string;
  readonly columns: string;
  readonly from: string;
  /** The column that scopes every query. Where it is null the rows belong to the whole installation. */
  readonly workspace: string | null;
  /** Rows without a workspace are everybody's. */
  readonly isShared?: boolean;
  /** Rows of the installation itself are shown to the owner of its first workspace too. */
  readonly isOfInstallationToo?: boolean;
  /** The column that a key for some fleets is held to. */
  readonly fleet?: string;
  /** Unique within the list: what makes an order total. */
  readonly key: Sort;
  readonly sorts: Readonly<Record<string, Sort>>;
  /** One of `sorts`, with `-` in front for descending. */
  readonly defaultSort: string;
  /** Filters by name: a condition with `?` for the value, and the form of the value. */
  readonly filters: Readonly<Record<string, { readonly where: string; readonly value: z.ZodType<string | undefined> }>>;
  /** Filters that follow from the path, and are not taken from the query. */
  readonly fixed?: Readonly<Record<string, string>>;
  readonly pageDefault?: number;
};

type Sort = { readonly column: string; readonly type: 'text' | 'timestamptz' | 'bigint' | 'uuid' | 'float8' };

export type Page = {
  readonly items: readonly PlainRow[];
  readonly nextCursor: string | null;
  readonly total: number;
  readonly totalIsExact: boolean;
};

export type Listing = {
  readonly query: z.ZodObject;
  readonly page: (call: Call, query: unknown, fixed: Readonly<Record<string, string>>) => Promise<Page>;
};

const totalMax = 10_000;
const limitMax = 500;
const limitWords = `must be a number from 1 to ${limitMax}`;

const Common = z.object({
  limit: z.string(),
  sort: z.string(),
  cursor: z.string().optional(),
});

/** Declares a list. */
export const listing = (parts: ListingParts): Listing => {
  const sorts = Object.keys(parts.sorts).flatMap((name) => [name, `-${name}`]);
  const query = z.strictObject({
    limit: z
      .string()
      .regex(/^\d{1,4}$/, { error: limitWords, abort: true })
      .refine((text) => Number(text) >= 1 && Number(text) <= limitMax, limitWords)
      .default(String(parts.pageDefault ?? 50)),
    cursor: z.string().max(4_096).optional(),
    sort: z.enum(sorts).default(parts.defaultSort),
    ...Object.fromEntries(Object.entries(parts.filters).map(([name, { value }]) => [name, value.optional()])),
  });
  return {
    query,
    page: async (call, given, fixed) => {
      const {
        limit: limitText,
        sort: sortName,
        cursor,
        ...filters
      } = parsePart(query.extend(Common.shape), 'query', given);
      const limit = Number(limitText);
      const isDescending = sortName.startsWith('-');
      const sort = parts.sorts[sortName.replace('-', '')] ?? parts.key;
      const values: unknown[] = [];
      const parameter = (value: unknown) => `$${values.push(value)}`;
      const conditions = [
        ...workspaceCondition(parts, call, parameter),
        ...fleetCondition(parts, call, parameter),
        ...conditionsOf(parts, { ...filters, ...fixed }, parameter),
      ];
      const scope = conditions.length > 0 ? conditions.join(' and ') : 'true';
      const countValues = [...values];
      const { world } = call;
      const binding = JSON.stringify([parts.name, call.workspace, sortName, filters, fixed, call.principal.fleetIds]);
      const place = cursor === undefined ? undefined : world.cursors.read(binding, cursor);
      const after = place
        ? ` and (${sort.column}, ${parts.key.column}) ${isDescending ? '<' : '>'}
            (${parameter(place[0])}::${sort.type}, ${parameter(place[1])}::${parts.key.type})`
        : '';
      const direction = isDescending ? 'desc' : 'asc';
      const [rows, counted] = await Promise.all([
        world.views(
          `select ${parts.columns}, (${sort.column})::text as "placeSort", (${parts.key.column})::text as "placeKey"
           from ${parts.from} where ${scope}${after}
           order by ${sort.column} ${direction}, ${parts.key.column} ${direction} limit ${parameter(limit + 1)}`,
          values,
        ),
        world.views(
          `select count(*)::int as total from (select 1 from ${parts.from} where ${scope} limit ${totalMax + 1}) bounded`,
          countValues,
        ),
      ]);
      const total = z.object({ total: z.int() }).parse(counted[0]).total;
      const shown = rows.slice(0, limit).map(plainRow);
      const last = rows.length > limit ? Place.parse(rows[limit - 1]) : undefined;
      return {
        items: shown.map(({ placeSort: _, placeKey: __, ...item }) => item),
        nextCursor: last ? world.cursors.issue(binding, [last.placeSort, last.placeKey]) : null,
        total: Math.min(total, totalMax),
        totalIsExact: total <= totalMax,
      };
    },
  };
};

const Place = z.object({ placeSort: z.string(), placeKey: z.string() });

const workspaceCondition = (
  { workspace, isShared, isOfInstallationToo }: ListingParts,
  call: Call,
  parameter: (value: unknown) => string,
): readonly string[] => {
  if (!workspace) return [];
  const isOwn = `${workspace} = ${parameter(call.workspace)}`;
  if (isOfInstallationToo && isOperator(call.principal)) {
    return [`(${isOwn} or ${workspace} = ${parameter(platformWorkspace)})`];
  }
  return [isShared ? `(${isOwn} or ${workspace} is null)` : isOwn];
};

const fleetCondition = (parts: ListingParts, call: Call, parameter: (value: unknown) => string): readonly string[] => {
  const { fleetIds } = call.principal;
  if (!parts.fleet || fleetIds.length === 0) return [];
  return [`${parts.fleet} = any(${parameter([...fleetIds])}::uuid[])`];
};

const conditionsOf = (
  parts: ListingParts,
  filters: Readonly<Record<string, unknown>>,
  parameter: (value: unknown) => string,
): readonly string[] =>
  Object.entries(filters).flatMap(([name, value]) => {
    if (value === undefined) return [];
    const where = parts.filters[name]?.where ?? parts.fixed?.[name];
    if (!where) throw new Error(`The list ${parts.name} has no filter ${name}.`);
    return [`(${where.replaceAll('?', parameter(value))})`];
  });
