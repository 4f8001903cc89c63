// What every message carries, and how events, commands and read models are declared.
import { z } from 'zod';

/** Marks a list of kinds that grows: readers must expect values they do not know, and new ones are no new version. */
export const openList = { 'x-open': true } as const;

export const services = ['config', 'policy', 'rollout', 'reconciler', 'health', 'trace', 'audit', 'gateway'] as const;
export const ServiceName = z.enum(services);
export type ServiceName = z.infer<typeof ServiceName>;

/** Immutable name of a workspace in subjects: a token that can hold no wildcard and no level of its own. */
export const WorkspaceSlug = z
  .string()
  .max(63)
  .regex(/^[a-z0-9][a-z0-9_-]*$/, 'use a-z, 0-9, - and _, starting with a letter or a digit');
export type WorkspaceSlug = z.infer<typeof WorkspaceSlug>;

/** The workspace of facts that belong to the whole installation. */
export const platformWorkspace = 'system';

/** Who did it: a person, a key, a bot, or one of our own services. */
export const Actor = z.object({
  kind: z.enum(['user', 'api-key', 'bot', 'service']),
  id: z.string().max(128),
  name: z.string().max(200),
});
export type Actor = z.infer<typeof Actor>;

/** Where an event stands in its service's log; ordered by epoch, then transaction, then position. */
export const LogPosition = z.object({ epoch: z.number().int(), tx: z.bigint(), position: z.bigint() });
export type LogPosition = z.infer<typeof LogPosition>;

export const logStart: LogPosition = { epoch: 0, tx: 0n, position: 0n };

/** Whether `a` stands after `b`. By the typed numbers, never their text. */
export const isLater = (a: LogPosition, b: LogPosition): boolean =>
  a.epoch !== b.epoch ? a.epoch > b.epoch : a.tx !== b.tx ? a.tx > b.tx : a.position > b.position;

/** CloudEvents `source` of a service. */
export const ownerSource = (service: ServiceName): string => `molthub/${service}`;

/** What events and commands have in common. Times are RFC 3339 UTC. */
export const Context = z.object({
  workspace: WorkspaceSlug,
  actor: Actor,
  correlationId: z.string().max(64),
  causationId: z.string().max(64).nullable(),
  traceparent: z.string().max(64).optional(),
});
export type Context = z.infer<typeof Context>;

/** An event as a decider says it. */
export type Fact = { readonly type: string; readonly data: unknown };

/** An event as the log holds it: the fact, where it stands, and who caused it. */
export type Recorded<F extends Fact = Fact> = F &
  Context & {
    readonly id: string;
    readonly stream: string;
    readonly version: number;
    readonly time: string;
    readonly log: LogPosition;
  };

/** A command on its way to its one owner. `records: false` asks for an answer only: no event, no stored outcome. */
export const CommandEnvelope = Context.extend({
  id: z.uuid(),
  type: z.string().max(128),
  time: z.iso.datetime(),
  /** Where the outcome is told: `reply.<gatewayId>.<id>`. Absent for a service's own reactions and timers. */
  gatewayId: z.string().max(64).optional(),
  records: z.boolean().default(true),
});
export type CommandEnvelope = z.infer<typeof CommandEnvelope>;

export type Command<Type extends string = string, Data = unknown> = CommandEnvelope & {
  readonly type: Type;
  readonly data: Data;
};

/** One reason of a refusal: where it is wrong and what to do. */
export const Problem = z.object({ path: z.string(), code: z.string(), message: z.string() });
export type Problem = z.infer<typeof Problem>;

/** How a command ended. `FAILED` is a fault of ours, never the caller's. */
export const Outcome = z.discriminatedUnion('status', [
  z.object({ status: z.literal('PENDING') }),
  z.object({ status: z.literal('DONE'), result: z.record(z.string(), z.unknown()) }),
  z.object({
    status: z.literal('REFUSED'),
    code: z.string(),
    message: z.string(),
    errors: z.array(Problem).default([]),
  }),
  z.object({ status: z.literal('FAILED'), message: z.string() }),
  z.object({ status: z.literal('EXPIRED'), message: z.string() }),
]);
export type Outcome = z.infer<typeof Outcome>;

export type EventDefinition<Type extends string = string, Data extends z.ZodType = z.ZodType> = {
  readonly kind: 'event';
  readonly type: Type;
  readonly data: Data;
  readonly about: string;
};

export type CommandDefinition<Type extends string = string, Data extends z.ZodType = z.ZodType> = {
  readonly kind: 'command';
  readonly type: Type;
  readonly data: Data;
  readonly about: string;
};

/** A published view `<service>_read.<name>`; `row` is what one row of it looks like in TypeScript. */
export type ReadModelDefinition<Row extends z.ZodObject = z.ZodObject> = {
  readonly kind: 'read-model';
  readonly service: ServiceName;
  readonly name: string;
  readonly row: Row;
  readonly about: string;
};

/** Declares an event: `<service>.<entity>.<past-tense>.v<major>`, its data and what it says. */
export const defineEvent = <const Type extends string, Data extends z.ZodType>(
  type: Type,
  about: string,
  data: Data,
): EventDefinition<Type, Data> => ({ kind: 'event', type, data, about });

/** Declares a command: `<service>.<entity>.<imperative>.v<major>`, owned by the service of its first token. */
export const defineCommand = <const Type extends string, Data extends z.ZodType>(
  type: Type,
  about: string,
  data: Data,
): CommandDefinition<Type, Data> => ({ kind: 'command', type, data, about });

/** Declares a published view of a service. */
export const defineReadModel = <Row extends z.ZodObject>(
  service: ServiceName,
  name: string,
  about: string,
  row: Row,
): ReadModelDefinition<Row> => ({ kind: 'read-model', service, name, row, about });

/** The fact of an event definition, as deciders and projections use it. */
export type FactOf<D extends EventDefinition> =
  D extends EventDefinition<infer Type, infer Data> ? { readonly type: Type; readonly data: z.infer<Data> } : never;

/** The command of a command definition, as deciders use it. */
export type CommandOf<D extends CommandDefinition> =
  D extends CommandDefinition<infer Type, infer Data> ? Command<Type, z.infer<Data>> : never;

/** Every definition a contract module exports, sorted by kind. */
export const definitionsOf = (module: Record<string, unknown>) => {
  const all = Object.values(module).filter(isDefinition);
  return {
    events: all.filter((d) => d.kind === 'event'),
    commands: all.filter((d) => d.kind === 'command'),
    readModels: all.filter((d) => d.kind === 'read-model'),
  };
};

type Definition = EventDefinition | CommandDefinition | ReadModelDefinition;
const isDefinition = (value: unknown): value is Definition =>
  typeof value === 'object' && value !== null && 'kind' in value && 'about' in value;
