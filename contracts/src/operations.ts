// What every service understands and says about its own running: parked keys, rebuilds, the bus.
import { z } from 'zod';
import { defineCommand, defineEvent, defineReadModel, type ServiceName } from './message.ts';

/** The event by which a service says that a key is parked; later events of that key queue behind it. */
export const messageParked = <const S extends ServiceName>(service: S) =>
  defineEvent(
    `${service}.message.parked.v1`,
    'An event kept failing; its key waits for a person, everything else goes on.',
    z.object({
      parkedId: z.uuid(),
      consumer: z.string(),
      key: z.string(),
      eventId: z.string(),
      type: z.string(),
      error: z.string(),
    }),
  );

/** The event by which a service says that somebody changed how it runs: who and when stand in its envelope. */
export const operationPerformed = <const S extends ServiceName>(service: S) =>
  defineEvent(
    `${service}.operation.performed.v1`,
    'A parked key was retried or dropped, a rebuild of a read model run or cancelled, or the bus filled again, as asked.',
    z.object({
      operation: z.string(),
      request: z.record(z.string(), z.json()),
      result: z.record(z.string(), z.json()),
    }),
  );

export const retryParked = <const S extends ServiceName>(service: S) =>
  defineCommand(
    `${service}.parked.retry.v1`,
    'Runs a parked key again, in order.',
    z.strictObject({ parkedId: z.uuid() }),
  );

export const dropParked = <const S extends ServiceName>(service: S) =>
  defineCommand(
    `${service}.parked.drop.v1`,
    'Gives up the first event of a parked key; the ones behind it go on.',
    z.strictObject({ parkedId: z.uuid(), reason: z.string().max(500).default('') }),
  );

export const rebuildProjection = <const S extends ServiceName>(service: S) =>
  defineCommand(
    `${service}.projection.rebuild.v1`,
    'Builds a read model anew from the log while the old one serves.',
    z.strictObject({ name: z.string() }),
  );

export const cancelRebuild = <const S extends ServiceName>(service: S) =>
  defineCommand(
    `${service}.rebuild.cancel.v1`,
    'Ends the rebuild of a read model; the old one goes on serving.',
    z.strictObject({ name: z.string() }),
  );

export const republishBus = <const S extends ServiceName>(service: S) =>
  defineCommand(
    `${service}.bus.republish.v1`,
    "Sends the service's log to the bus again, from a position or from the start.",
    z.strictObject({ fromPosition: z.int().min(0).default(0) }),
  );

/** A service's parked events, the first of each key first. */
export const parkedView = <const S extends ServiceName>(service: S) =>
  defineReadModel(
    service,
    'parked',
    'Events that wait for a person.',
    z.object({
      id: z.uuid(),
      workspace: z.string(),
      consumer: z.string(),
      key: z.string(),
      event_id: z.string(),
      type: z.string(),
      error: z.string(),
      attempts: z.int(),
      behind: z.boolean(),
      parked_at: z.iso.datetime(),
    }),
  );

/** A service's read models: which generation serves, and how far a rebuild is. */
export const projectionsView = <const S extends ServiceName>(service: S) =>
  defineReadModel(
    service,
    'projections',
    'Read models and their rebuilds.',
    z.object({
      name: z.string(),
      generation: z.int(),
      status: z.enum(['SERVING', 'REBUILDING', 'FAILED']),
      processed: z.int(),
      total: z.int(),
      message: z.string(),
      updated_at: z.iso.datetime(),
    }),
  );

/** How far a service has read the events of the others, each at its place in a stream of the bus. */
export const readersView = <const S extends ServiceName>(service: S) =>
  defineReadModel(
    service,
    'readers',
    'How far each reader has worked in the stream that it reads, and when it last did.',
    z.object({ reader: z.string(), sequence: z.int(), updated_at: z.iso.datetime() }),
  );
