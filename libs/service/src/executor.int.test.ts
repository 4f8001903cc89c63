import { randomUUID } from 'node:crypto';
import { CreateFleet, FleetUpdated } from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import { openTestLog } from '@molthub/event-store/testing';
import { withPostgres } from '@molthub/testing';
import { expect, test } from 'vitest';
import { aggregate, asIs } from './definition.ts';
import { createExecutor } from './executor.ts';
import { testCommand } from './testing.ts';

const postgres = withPostgres();

/** A fleet that stays pending once it is created, and is created once. */
const pending = aggregate({
  category: 'fleet',
  commands: [CreateFleet],
  events: [FleetUpdated],
  id: ({ data }) => data.fleetId,
  prepare: asIs,
  decider: {
    initial: false,
    decide: ({ data }, isThere) => {
      if (isThere) throw new Rejected('config.fleet-exists', 'The fleet exists.');
      const { fleetId, description } = data;
      return [{ type: FleetUpdated.type, data: { fleetId, description } }];
    },
    evolve: () => true,
  },
  conclude: () => ({ own: { status: 'PENDING' } }),
});

test('a copy of a command that another replica did does not replace its pending outcome', async () => {
  const { log, close } = await openTestLog((await postgres.createDatabase()).url, { schema: 'config' });
  const data = { fleetId: randomUUID(), name: 'fleet', environment: 'dev', description: '', tags: {} };
  const command = { ...testCommand(CreateFleet.type, data), gatewayId: 'gateway' };
  expect(await createExecutor('config', log, [pending]).execute(command)).toEqual({ status: 'PENDING' });
  expect(await createExecutor('config', log, [pending]).execute(command)).toEqual({ status: 'PENDING' });
  expect((await log.outcomes([command.id])).get(command.id)).toEqual({ status: 'PENDING' });
  expect(await createExecutor('config', log, [pending]).execute({ ...command, id: randomUUID() })).toMatchObject({
    status: 'REFUSED',
  });
  await close();
});

/** Fleets of which each says in one stream of all what it saw there. */
const inTurn = (prepared: () => Promise<void>) =>
  aggregate({
    category: 'fleet',
    commands: [CreateFleet],
    events: [FleetUpdated],
    id: ({ data }) => data.fleetId,
    prepare: async (command, reads) => {
      const [row] = await reads<{ version: number }>(
        "select max(version) as version from events where stream_id = 'order'",
      );
      await prepared();
      const seen = row?.version ?? 0;
      const described = { ...command, data: { ...command.data, description: `after ${seen}` } };
      return { command: described, expects: [{ stream: 'order', version: seen }] };
    },
    decider: {
      initial: null,
      decide: ({ data: { fleetId, description } }) => [
        { type: FleetUpdated.type, stream: 'order', data: { fleetId, description } },
      ],
      evolve: () => null,
    },
  });

test('a decision may rest on the stream that it writes to: of two at the same version one is made again', async () => {
  const { log, close } = await openTestLog((await postgres.createDatabase()).url, { schema: 'config' });
  // Both have read before either is committed.
  let waiting = 2;
  let go: (() => void) | undefined;
  const both = new Promise<void>((resolve) => {
    go = resolve;
  });
  const executor = createExecutor('config', log, [
    inTurn(() => {
      waiting -= 1;
      if (waiting === 0) go?.();
      return both;
    }),
  ]);
  const create = () => {
    const data = { fleetId: randomUUID(), name: 'fleet', environment: 'dev', description: '', tags: {} };
    return executor.execute(testCommand(CreateFleet.type, data));
  };
  await Promise.all([create(), create()]);
  const order = await log.readStream('order');
  expect(order.map(({ data }) => FleetUpdated.data.parse(data).description)).toEqual(['after 0', 'after 1']);
  await close();
});
