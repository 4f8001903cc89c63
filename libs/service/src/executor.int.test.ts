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
