// Two small services made of real contracts, for tests and figures of the running parts: fleets that are created,
// changed and ended by time, and a second service that counts what it hears of them.
import {
  CreateFleet,
  DeleteFleet,
  FleetCreated,
  FleetDeleted,
  FleetHealthChanged,
  FleetUpdated,
  ReportFleet,
  UpdateFleet,
} from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import { projection, when } from '@molthub/event-store';
import { aggregate, asIs, type Due, intend, on, type ServiceDefinition } from './definition.ts';

type Fleet =
  | { readonly kind: 'none' }
  | { readonly kind: 'there'; readonly fleetId: string; readonly endsAt: string | undefined }
  | { readonly kind: 'gone' };

/** Each change is an event, so that one taken twice would show. A tag `ends-at` makes a fleet end by itself. */
const fleets = aggregate({
  category: 'fleet',
  commands: [CreateFleet, UpdateFleet, DeleteFleet],
  events: [FleetCreated, FleetUpdated, FleetDeleted],
  id: (command) => command.data.fleetId,
  prepare: asIs,
  decider: {
    initial: { kind: 'none' },
    decide: (command, state: Fleet) => {
      if (command.type === CreateFleet.type) {
        if (state.kind !== 'none') return [];
        if (command.data.name === 'forbidden') throw new Rejected('config.forbidden', 'Choose another name.');
        const { fleetId, name, description, environment, tags } = command.data;
        const release = { mode: 'auto', strategy: { kind: 'ALL' } } as const;
        return [{ type: FleetCreated.type, data: { fleetId, name, description, environment, tags, release } }];
      }
      if (command.type === DeleteFleet.type) {
        return state.kind === 'there' ? [{ type: FleetDeleted.type, data: { fleetId: state.fleetId } }] : [];
      }
      if (state.kind !== 'there') throw new Rejected('config.fleet-not-found', 'Create the fleet first.');
      const { fleetId, description } = command.data;
      return [{ type: FleetUpdated.type, data: { fleetId, description } }];
    },
    evolve: (state: Fleet, fact): Fleet => {
      if (fact.type === FleetCreated.type) {
        return { kind: 'there', fleetId: fact.data.fleetId, endsAt: fact.data.tags['ends-at'] };
      }
      return fact.type === FleetDeleted.type ? { kind: 'gone' } : state;
    },
  },
  due: (state): Due | null =>
    state.kind === 'there' && state.endsAt
      ? { at: state.endsAt, definition: DeleteFleet, data: { fleetId: state.fleetId } }
      : null,
});

export const sampleConfig: ServiceDefinition = {
  name: 'config',
  migrations: [],
  aggregates: [fleets],
  projections: [
    projection({
      name: 'fleets',
      revision: 1,
      tables: `create table fleets (id uuid primary key, name text not null, changes integer not null default 0,
        constraint fleets_name unique (name))`,
      views: { fleets: 'select id, name, changes from fleets' },
      handlers: [
        when(FleetCreated, (event, sql) =>
          sql('insert into fleets (id, name) values ($1, $2)', [event.data.fleetId, event.data.name]),
        ),
        when(FleetUpdated, (event, sql) =>
          sql('update fleets set changes = changes + 1 where id = $1', [event.data.fleetId]),
        ),
        when(FleetDeleted, (event, sql) => sql('delete from fleets where id = $1', [event.data.fleetId])),
      ],
      rejects: { fleets_name: () => new Rejected('config.fleet-name-taken', 'Choose a name that is free.') },
    }),
  ],
  reactions: [],
  listeners: [],
  queries: [],
  jobs: [],
};

/** `unknown` carries the version of the event that was counted: it must rise by one along each fleet's stream. */
const countOf = (version: number) => ({ healthy: 0, degraded: 0, unhealthy: 0, unknown: version });

/** Counts each event of a fleet by a reaction and by a listener. `isPoison` makes the reaction fail for a fleet. */
export const sampleHealth = (isPoison: (fleetId: string) => boolean = () => false): ServiceDefinition => ({
  name: 'health',
  migrations: [{ name: '0001-seen', sql: 'create table seen (fleet_id uuid primary key, times integer not null)' }],
  aggregates: [
    aggregate({
      category: 'fleet',
      commands: [ReportFleet],
      events: [FleetHealthChanged],
      id: (command) => command.data.fleetId,
      prepare: asIs,
      decider: {
        initial: 0,
        decide: ({ data: { fleetId, counts } }) => {
          if (isPoison(fleetId)) throw new Error('poison');
          return [{ type: FleetHealthChanged.type, data: { fleetId, status: 'UNKNOWN' as const, counts } }];
        },
        evolve: (state) => state + 1,
      },
    }),
  ],
  projections: [
    projection({
      name: 'fleets',
      revision: 1,
      tables: 'create table fleets (fleet_id uuid primary key, changes integer not null)',
      views: { fleets: 'select fleet_id, changes from fleets' },
      handlers: [
        when(FleetHealthChanged, (event, sql) =>
          sql(
            `insert into fleets as f (fleet_id, changes) values ($1, 1)
             on conflict (fleet_id) do update set changes = f.changes + 1`,
            [event.data.fleetId],
          ),
        ),
      ],
    }),
  ],
  reactions: [
    on(FleetCreated, 'count', (event) => [
      intend(ReportFleet, { fleetId: event.data.fleetId, counts: countOf(event.version) }),
    ]),
    on(FleetUpdated, 'count', (event) => [
      intend(ReportFleet, { fleetId: event.data.fleetId, counts: countOf(event.version) }),
    ]),
  ],
  listeners: [
    {
      name: 'seen',
      sources: ['config'],
      types: [FleetCreated.type, FleetUpdated.type],
      apply: async (events, sql) => {
        const times = Map.groupBy(events, (event) => event.stream.slice('fleet-'.length));
        await sql(
          `insert into seen as s (fleet_id, times) select * from unnest($1::uuid[], $2::int[])
           on conflict (fleet_id) do update set times = s.times + excluded.times`,
          [[...times.keys()], [...times.values()].map((of) => of.length)],
        );
      },
    },
  ],
  queries: [],
  jobs: [],
});
