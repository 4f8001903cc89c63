// A route is a row: what it is called, who may use it, what it takes, and the command or query behind it.
import type { CommandDefinition, CommandOf, Permission } from '@molthub/contracts';
import { HttpProblem, parsePart } from '@molthub/http';
import { z } from 'zod';
import type { Dispatch } from './dispatch.ts';
import type { Listing } from './listing.ts';
import type { Principal } from './principal.ts';
import type { World } from './world.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** What a request touches, so that its workspace and its fleet can be checked before anything else is done. */
export type Subject = { readonly kind: 'fleet' | 'bot' | 'change-set' | 'finding'; readonly id: string };

/**
 * Who a route is for, beside its permission: `filtered` answers only what the key may see, `workspace` is closed to
 * keys that are for some fleets only, `installation` is for the installation's operators.
 */
export type Reach = 'nothing' | 'filtered' | 'workspace' | 'installation' | 'subject';

export type Answer = {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly contentType?: string;
};

/** Everything a handler knows of the request it answers. */
export type Call = {
  readonly world: World;
  readonly dispatch: Dispatch;
  readonly principal: Principal;
  readonly workspace: string;
  readonly correlationId: string;
  readonly traceparent: string;
  /** Derived from the idempotency key where there is one: a repeat is the same command. */
  readonly commandId: string;
  /** The id of what this request creates. */
  readonly newId: string;
  readonly expectedVersion: number | undefined;
  readonly waitMs: number;
  readonly origin: string | null;
};

export type RawInput = { readonly params: unknown; readonly query: unknown; readonly body: unknown };

export type Prepared = {
  readonly subjects: readonly Subject[];
  readonly run: (call: Call) => Promise<Answer>;
};

export type Route = {
  readonly method: Method;
  /** Below `/api/v1`, or whole where the route `isOutside`. */
  readonly path: string;
  /** Whether it stands where another system's clients look for it. */
  readonly isOutside: boolean;
  readonly permission: Permission | 'any-key' | 'none';
  readonly reach: Reach;
  readonly summary: string;
  readonly tag: string;
  readonly params: z.ZodObject;
  readonly query: z.ZodObject;
  readonly body: z.ZodType | undefined;
  /** What the document shows, where `body` leaves a part of it to a finer check. */
  readonly bodyShown: z.ZodType | undefined;
  readonly status: number;
  readonly answer: z.ZodType | undefined;
  readonly contentType?: string;
  /** Whether it may be answered 202, takes If-Match. */
  readonly isCommand: boolean;
  /** An answer that holds a secret is never kept; it is made again for a repeat. */
  readonly secretAnswer: boolean;
  /** Parses every part, or throws 400; nothing has happened by then. */
  readonly prepare: (input: RawInput) => Prepared;
};

const none = z.strictObject({});
export const Id = z.strictObject({ id: z.uuid() });

type Parts<P extends z.ZodObject, Q extends z.ZodObject, B extends z.ZodType> = {
  readonly method: Method;
  readonly path: string;
  readonly isOutside?: boolean;
  /** Default: the first part of the path. */
  readonly tag?: string;
  readonly permission: Route['permission'];
  readonly reach: Reach;
  readonly summary: string;
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  readonly bodyShown?: z.ZodType;
  readonly status?: number;
  readonly answer?: z.ZodType;
  readonly contentType?: string;
  readonly isCommand?: boolean;
  readonly secretAnswer?: boolean;
  readonly subjects?: (input: {
    readonly params: z.infer<P>;
    readonly body: z.infer<B>;
    readonly query: z.infer<Q>;
  }) => readonly Subject[];
  readonly run: (
    call: Call,
    input: { readonly params: z.infer<P>; readonly query: z.infer<Q>; readonly body: z.infer<B> },
  ) => Promise<Answer>;
};

/** Declares a row. What is not declared is refused: unknown query fields, a body where none is taken. */
export const route = <P extends z.ZodObject, Q extends z.ZodObject, B extends z.ZodType>(
  parts: Parts<P, Q, B>,
): Route => ({
  method: parts.method,
  path: parts.path,
  isOutside: parts.isOutside ?? parts.permission === 'none',
  permission: parts.permission,
  reach: parts.reach,
  summary: parts.summary,
  tag: parts.tag ?? parts.path.split('/')[1] ?? '',
  params: parts.params ?? none,
  query: parts.query ?? none,
  body: parts.body,
  bodyShown: parts.bodyShown ?? parts.body,
  status: parts.status ?? 200,
  answer: parts.answer,
  ...(parts.contentType ? { contentType: parts.contentType } : {}),
  isCommand: parts.isCommand ?? false,
  secretAnswer: parts.secretAnswer ?? false,
  prepare: (input) => {
    const params = partOf(parts.params, 'path', input.params);
    const query = partOf(parts.query, 'query', input.query);
    if (!parts.body && input.body !== undefined) throw noBody();
    const body = partOf(parts.body, 'body', input.body);
    return {
      subjects: parts.subjects?.({ params, query, body }) ?? [],
      run: (call) => parts.run(call, { params, query, body }),
    };
  },
});

const partOf = <S extends z.ZodType>(schema: S | undefined, part: string, value: unknown): z.infer<S> =>
  schema ? parsePart(schema, part, value) : parsePart(z.custom<z.infer<S>>(isNothing, 'takes nothing'), part, value);

const isNothing = (value: unknown) =>
  value === undefined || (typeof value === 'object' && value !== null && Object.keys(value).length === 0);

const noBody = () =>
  new HttpProblem({ status: 400, code: 'gateway.unexpected-body', detail: 'This request takes no body; send none.' });

/** Declares a row that sends a command of the contracts to its owner and answers from the read side. */
export const change = <P extends z.ZodObject, B extends z.ZodType, D extends CommandDefinition>(
  parts: Omit<Parts<P, z.ZodObject, B>, 'run' | 'query' | 'isCommand'> & {
    readonly command: D;
    /** Refuses what names things of another service that are not there, before anything is sent. */
    readonly check?: (call: Call, input: { readonly params: z.infer<P>; readonly body: z.infer<B> }) => Promise<void>;
    readonly data: (
      call: Call,
      input: { readonly params: z.infer<P>; readonly body: z.infer<B> },
    ) => CommandOf<D>['data'] | Promise<CommandOf<D>['data']>;
    /** The id of what is created or changed, for who has to wait for it. */
    readonly resourceId: (call: Call, input: { readonly params: z.infer<P>; readonly body: z.infer<B> }) => string;
    readonly done: (
      call: Call,
      input: { readonly params: z.infer<P>; readonly body: z.infer<B> },
      result: Readonly<Record<string, unknown>>,
    ) => Promise<Answer>;
  },
): Route =>
  route<P, z.ZodObject, B>({
    ...parts,
    isCommand: true,
    run: async (call, input) => {
      await parts.check?.(call, input);
      return call.dispatch.change(call, {
        definition: parts.command,
        data: await parts.data(call, input),
        resourceId: parts.resourceId(call, input),
        done: (result) => parts.done(call, input, result),
      });
    },
  });

/** Declares a row that answers a list. */
export const list = <P extends z.ZodObject = z.ZodObject>(
  parts: Omit<Parts<P, z.ZodObject, z.ZodType>, 'run' | 'query' | 'body' | 'answer' | 'method'> & {
    readonly listing: Listing;
    readonly item: z.ZodType;
    /** Filters that follow from the path. */
    readonly fixed?: (params: z.infer<P>) => Readonly<Record<string, string>>;
    /** Throws 404 where what the path names is not there, and no `subjects` tell so. */
    readonly requires?: (call: Call, params: z.infer<P>) => Promise<unknown>;
  },
): Route =>
  route<P, z.ZodObject, z.ZodType>({
    ...parts,
    method: 'GET',
    query: parts.listing.query,
    answer: z.object({
      items: z.array(parts.item),
      nextCursor: z.string().nullable(),
      total: z.int().describe('Exact up to 10,000; then 10,000, and totalIsExact is false.'),
      totalIsExact: z.boolean(),
    }),
    run: async (call, { params, query }) => {
      await parts.requires?.(call, params);
      return { status: 200, body: await parts.listing.page(call, query, parts.fixed?.(params) ?? {}) };
    },
  });
