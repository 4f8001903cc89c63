// Every request that was turned away becomes an event, off that request's way: bounded in number and in size.
import {
  type Actor,
  platformWorkspace,
  type Problem,
  RecordDenial,
  RecordRefusal,
  type RequestDenied,
  type RequestRefused,
} from '@molthub/contracts';
import { newId } from '@molthub/identity';
import type { Runtime } from '@molthub/service';
import type { z } from 'zod';
import type { HttpProblem } from '@molthub/http';
import { actorOf, type Principal } from './principal.ts';

export type TurnedAway = {
  readonly method: string;
  /** The route's pattern, never the URL: that may hold what nobody should read. */
  readonly route: string;
  readonly permission: string | null;
  readonly resourceId: string | null;
  readonly address: string;
  readonly correlationId: string;
  readonly principal: Principal | undefined;
  readonly problem: HttpProblem;
};

export type Refusals = {
  readonly note: (turnedAway: TurnedAway) => void;
  /** Writes what is still waiting. */
  readonly close: () => Promise<void>;
};

const refusedStatuses = new Set([400, 405, 409, 410, 412, 413, 414, 415, 422, 428]);
const waitingMax = 5_000;
const atOnceMax = 16;
const errorsMax = 20;
const addressesMax = 10_000;
const retryMs = 500;

type Refusal = z.infer<typeof RequestRefused.data>;
type Denial = z.infer<typeof RequestDenied.data>;
type Note = { readonly workspace: string; readonly actor: Actor | undefined; readonly correlationId: string } & (
  | { readonly refusal: Refusal }
  | { readonly denial: Denial }
);

export const createRefusals = (runtime: Runtime): Refusals => {
  const waiting: Note[] = [];
  const denied = new Map<string, Denial>();
  let writing = 0;
  let dropped = 0;
  let idle: (() => void)[] = [];

  const write = async (note: Note) => {
    const requestId = newId();
    const execution = {
      workspace: note.workspace,
      correlationId: note.correlationId,
      ...(note.actor ? { actor: note.actor } : {}),
    };
    for (let attempt = 0; ; attempt += 1) {
      try {
        if ('refusal' in note) await runtime.execute(RecordRefusal, { requestId, refusal: note.refusal }, execution);
        else await runtime.execute(RecordDenial, { requestId, denial: note.denial }, execution);
        return;
      } catch (error) {
        if (attempt >= 20) throw error;
        await new Promise((resolve) => setTimeout(resolve, retryMs).unref());
      }
    }
  };

  const pump = () => {
    while (writing < atOnceMax) {
      const note = waiting.shift();
      if (!note) break;
      writing += 1;
      write(note)
        .catch((error: unknown) => runtime.logger.error({ err: error }, 'a refused request could not be recorded'))
        .finally(() => {
          writing -= 1;
          pump();
        });
    }
    if (writing === 0 && waiting.length === 0) for (const resolve of idle.splice(0)) resolve();
  };

  const enqueue = (note: Note) => {
    if (waiting.length >= waitingMax) {
      dropped += 1;
      return;
    }
    waiting.push(note);
    pump();
  };

  const system = { workspace: platformWorkspace, actor: undefined };

  /** The first of an address and minute is told at once, the rest as one number when the minute is over. */
  const countDenied = ({ address, route, correlationId }: TurnedAway) => {
    const minute = `${new Date().toISOString().slice(0, 16)}:00.000Z`;
    const of = denied.size < addressesMax || denied.has(`${minute} ${address}`) ? address : 'others';
    const known = denied.get(`${minute} ${of}`);
    const denial: Denial = { status: 401, route, permission: null, address: of, count: 1, minute };
    if (known) denied.set(`${minute} ${of}`, { ...known, count: known.count + 1 });
    else {
      denied.set(`${minute} ${of}`, { ...denial, count: 0 });
      enqueue({ ...system, correlationId, denial });
    }
  };

  const flushDenied = (all: boolean) => {
    const current = new Date().toISOString().slice(0, 16);
    for (const [key, denial] of denied) {
      if (!all && denial.minute.startsWith(current)) continue;
      denied.delete(key);
      // Zero: the one that was told at once was the only one.
      if (denial.count > 0) enqueue({ ...system, correlationId: newId(), denial });
    }
    if (dropped > 0) {
      runtime.logger.error({ dropped }, 'refused requests came faster than they can be recorded');
      dropped = 0;
    }
  };
  const timer = setInterval(() => flushDenied(false), 5_000).unref();

  return {
    note: (turnedAway) => {
      const { problem, principal, correlationId } = turnedAway;
      if (problem.status === 401) countDenied(turnedAway);
      else if (principal) {
        const who = { workspace: principal.workspace, actor: actorOf(principal), correlationId };
        if (problem.status === 403) enqueue({ ...who, denial: denialOf(turnedAway) });
        else if (refusedStatuses.has(problem.status)) enqueue({ ...who, refusal: refusalOf(turnedAway) });
      }
    },
    close: async () => {
      clearInterval(timer);
      flushDenied(true);
      if (writing > 0 || waiting.length > 0) await new Promise<void>((resolve) => (idle = [...idle, resolve]));
    },
  };
};

const denialOf = ({ route, permission, address }: TurnedAway): Denial => ({
  status: 403,
  route,
  permission,
  address,
  count: 1,
  minute: `${new Date().toISOString().slice(0, 16)}:00.000Z`,
});

const refusalOf = ({ method, route, problem, resourceId, address }: TurnedAway): Refusal => ({
  method,
  route,
  status: problem.status,
  code: problem.code,
  message: clip(problem.message, 500),
  errors: problem.errors.slice(0, errorsMax).map(clipProblem),
  resourceId,
  address,
});

/** Callers choose what is in it, and an event with a NUL or half a surrogate pair could never be recorded. */
const clip = (text: string, length: number): string => {
  const whole = text.length > length ? `${text.slice(0, length)}…` : text;
  return whole.replaceAll('\0', '\ufffd').toWellFormed();
};
const clipProblem = ({ path, code, message }: Problem): Problem => ({
  path: clip(path, 256),
  code: clip(code, 64),
  message: clip(message, 256),
});
