// Runs a command: prepare, fold, decide, commit with outcome; again when somebody else was faster.
import {
  type Command,
  commandDefinition,
  eventDefinition,
  type Fact,
  limits,
  type Outcome,
  type ServiceName,
} from '@molthub/contracts';
import { type Placed, Rejected } from '@molthub/decider';
import type { Checkpoint, Consumed, Lease, Log, NewEvent, Sql, StreamAppend, Unit } from '@molthub/event-store';
import { derivedId } from '@molthub/identity';
import type { Aggregate, Conclusion, Expectation, Prepared } from './definition.ts';
import { createSituations, type Folded } from './situations.ts';

/** What a reaction or a timer commits along with its command. */
export type Along = {
  readonly consumed?: readonly Consumed[];
  readonly checkpoint?: Checkpoint | undefined;
  readonly fence?: Lease | undefined;
  readonly alongside?: ((sql: Sql) => Promise<unknown>) | undefined;
};

export type Executor = {
  /** Answers the stored outcome of a repeated command; throws faults only. */
  readonly execute: (command: Command, along?: Along) => Promise<Outcome>;
  readonly owns: (type: string) => boolean;
};

/** Attempts while others change what the decision rests on; past that it is a fault and tried again later. */
const attemptsMax = 20;

export const createExecutor = (service: ServiceName, log: Log, aggregates: readonly Aggregate[]): Executor => {
  const owners = new Map(aggregates.flatMap((aggregate) => aggregate.commands.map((c) => [c.type, aggregate])));
  const situations = createSituations(log);
  const turns = createTurns();

  const decideAndCommit = async (
    aggregate: Aggregate,
    prepared: Prepared<Command>,
    along: Along,
  ): Promise<Outcome | 'again'> => {
    const { command } = prepared;
    const stream = aggregate.streamOf(command);
    const folded = await situations.load(aggregate, stream);
    const { facts, conclusion, isRefused } = decided(service, aggregate, command, folded);
    const known = isRefused && (await stored(command));
    if (known) return known;
    const unit: Unit = {
      ...along,
      ...(isRefused ? { alongside: undefined } : {}),
      streams: streamsOf(command, stream, folded, facts, prepared.expects ?? []),
      outcomes: outcomesOf(command, conclusion.own, conclusion.others ?? []),
      timers: timersOf(command, stream, folded, facts),
    };
    const result = await log.commit(unit);
    if (result.status === 'committed') {
      if (facts.length > 0) situations.advance(stream, folded, result.events);
      return conclusion.own;
    }
    situations.forget(stream);
    if (result.status === 'conflict') return 'again';
    // What it decided is in the log since its first time; that it was taken once more is not.
    if (along.consumed || along.checkpoint) await log.commit({ ...along, alongside: undefined, streams: [] });
    return (await stored(command)) ?? { status: 'DONE', result: {} };
  };

  /**
   * The outcome that a command has already. Another replica may have done a copy of it while this one was prepared; then
   * it is refused here because of what it did itself, which must not replace an outcome that is still pending.
   */
  const stored = async (command: Command): Promise<Outcome | undefined> =>
    command.gatewayId ? (await log.outcomes([command.id])).get(command.id) : undefined;

  const attempt = async (aggregate: Aggregate, command: Command, along: Along): Promise<Outcome> => {
    for (let tries = 0; tries < attemptsMax; tries += 1) {
      // Outside of the stream's turn: preparing may take long, and must not hold up the stream.
      const prepared = await aggregate.prepare(command, log.reads);
      const outcome = await turns.take(aggregate.streamOf(command), () => decideAndCommit(aggregate, prepared, along));
      if (outcome !== 'again') return outcome;
    }
    throw new Error(`${command.type} met another writer ${attemptsMax} times in a row.`);
  };

  const execute = async (command: Command, along: Along = {}): Promise<Outcome> => {
    const aggregate = owners.get(command.type);
    const definition = commandDefinition(command.type);
    try {
      if (!aggregate || !definition) {
        throw new Rejected(`${service}.unknown-command`, `${command.type} is not known here; is the gateway newer?`);
      }
      const data = definition.data.safeParse(command.data);
      if (!data.success) throw malformed(service, data.error.issues);
      return await attempt(aggregate, { ...command, data: data.data }, along);
    } catch (error) {
      if (!(error instanceof Rejected)) throw error;
      const known = await stored(command);
      if (known) return known;
      const outcome = refusalOf(error);
      await log.commit({ ...along, alongside: undefined, streams: [], outcomes: outcomesOf(command, outcome, []) });
      return outcome;
    }
  };

  return { execute, owns: (type) => owners.has(type) };
};

const malformed = (service: ServiceName, issues: readonly { path: PropertyKey[]; message: string; code?: string }[]) =>
  new Rejected(
    `${service}.invalid-command`,
    'The command is malformed.',
    issues.map((issue) => ({
      path: issue.path.map(String).join('.'),
      code: issue.code ?? 'invalid',
      message: issue.message,
    })),
  );

type Decided = {
  readonly facts: readonly Placed<Fact>[];
  readonly conclusion: Conclusion;
  readonly isRefused: boolean;
};

/** A refusal is a decision too: it holds only if nobody changed meanwhile what it rests on. */
const decided = (service: ServiceName, aggregate: Aggregate, command: Command, folded: Folded): Decided => {
  try {
    const facts = checked(service, folded.situation.decide(command));
    const version = folded.version + facts.filter((f) => !f.stream).length;
    return { facts, conclusion: aggregate.conclude(command, facts, version), isRefused: false };
  } catch (error) {
    if (!(error instanceof Rejected)) throw error;
    return { facts: [], conclusion: { own: refusalOf(error) }, isRefused: true };
  }
};

const refusalOf = ({ code, message, errors }: Rejected): Outcome => ({
  status: 'REFUSED',
  code,
  message,
  errors: [...errors],
});

/**
 * Facts as they will be read: a decider's mistake must not reach the log, where it would stay for ever. Nor must what
 * the bus would not take: the relay could never pass it.
 */
const checked = (service: ServiceName, facts: readonly Placed<Fact>[]): readonly Placed<Fact>[] =>
  facts.map((fact) => {
    const definition = eventDefinition(fact.type);
    if (!definition) throw new Error(`${fact.type} is declared in no contract.`);
    const data = definition.data.parse(fact.data);
    if (Buffer.byteLength(JSON.stringify(data)) > limits.eventBytesMax) {
      throw new Rejected(`${service}.event-too-large`, 'What this would record is larger than 512 KiB; ask for less.');
    }
    return { ...fact, data };
  });

const streamsOf = (
  command: Command,
  stream: string,
  folded: Folded,
  facts: readonly Placed<Fact>[],
  expects: readonly Expectation[],
): readonly StreamAppend[] => {
  const events = facts.map((fact, ordinal) => ({
    stream: fact.stream ?? stream,
    event: newEvent(command, fact, ordinal),
  }));
  const others = new Set(events.map((e) => e.stream).filter((name) => name !== stream));
  const on = (name: string) => events.filter((e) => e.stream === name).map((e) => e.event);
  return [
    // Checked even where nothing follows: what is known of the stream may be older than another replica's last change.
    { stream, expected: folded.version, events: on(stream) },
    ...[...others].map((name) => ({ stream: name, expected: expectedOf(name, expects), events: on(name) })),
    ...expects
      .filter((e) => e.stream !== stream && !others.has(e.stream))
      .map((e) => ({ stream: e.stream, expected: e.version, events: [] })),
  ];
};

/** A decision that writes to a stream may rest on it too. */
const expectedOf = (stream: string, expects: readonly Expectation[]) =>
  expects.find((expectation) => expectation.stream === stream)?.version ?? ('any' as const);

const newEvent = (command: Command, fact: Fact, ordinal: number): NewEvent => ({
  id: derivedId(command.id, String(ordinal)),
  type: fact.type,
  data: fact.data,
  workspace: command.workspace,
  actor: command.actor,
  correlationId: command.correlationId,
  causationId: command.id,
  ...(command.traceparent ? { traceparent: command.traceparent } : {}),
  time: command.time,
});

const outcomesOf = (
  command: Command,
  own: Outcome,
  others: readonly { readonly commandId: string; readonly outcome: Outcome }[],
) => [
  // Outcomes are kept for those that may ask again: callers. A reaction's repeat is told by its events.
  ...(command.gatewayId
    ? [
        {
          commandId: command.id,
          workspace: command.workspace,
          type: command.type,
          gatewayId: command.gatewayId,
          outcome: own,
        },
      ]
    : []),
  ...others.map(({ commandId, outcome }) => ({ commandId, workspace: command.workspace, type: command.type, outcome })),
];

const timersOf = (command: Command, stream: string, folded: Folded, facts: readonly Placed<Fact>[]): Unit['timers'] => {
  if (facts.length === 0) return [];
  const before = folded.situation.due();
  const due = folded.situation.evolve(facts.filter((fact) => (fact.stream ?? stream) === stream)).due();
  if (!before && !due) return [];
  const next = due ? { at: due.at, commandType: due.definition.type, data: due.data } : null;
  return [{ stream, due: next, version: folded.version + facts.length, workspace: command.workspace }];
};

/** Lets one at a time work on each stream, in the order of arrival. */
const createTurns = () => {
  const last = new Map<string, Promise<unknown>>();
  return {
    take: <T>(key: string, work: () => Promise<T>): Promise<T> => {
      const before = last.get(key) ?? Promise.resolve();
      const mine = before.then(work, work);
      const settled = mine.then(
        () => undefined,
        () => undefined,
      );
      last.set(key, settled);
      void settled.then(() => {
        if (last.get(key) === settled) last.delete(key);
      });
      return mine;
    },
  };
};
