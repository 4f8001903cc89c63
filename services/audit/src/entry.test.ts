import type { Recorded } from '@molthub/contracts';
import { expect, test } from 'vitest';
import { entryOf, leafOf } from './entry.ts';

const botId = '0193a000-0000-7000-8000-0000000000b1';
const changeSetId = '0193a000-0000-7000-8000-000000000001';
const event = (type: string, stream: string, data: unknown): Recorded => ({
  id: '0193a000-0000-7000-8000-0000000000e1',
  type,
  data,
  stream,
  version: 1,
  time: '2026-11-21T10:00:00.000Z',
  log: { epoch: 1, tx: 1n, position: 1n },
  workspace: 'default',
  actor: { kind: 'user', id: 'anna', name: 'Anna' },
  correlationId: 'corr',
  causationId: null,
});

test('an event is an accepted act on the thing of its stream, by its real actor', () => {
  expect(entryOf(event('config.fleet.created.v1', `fleet-${botId}`, { name: 'support' }))).toMatchObject({
    action: 'config.fleet.created.v1',
    outcome: 'ACCEPTED',
    resource: { type: 'fleet', id: botId },
    actor: { id: 'anna' },
    diff: { name: 'support' },
    source: 'molthub/config',
  });
});

test("a bot's part of a change set is about the bot", () => {
  expect(entryOf(event('rollout.bot.settled.v1', `release-${changeSetId}-${botId}`, {})).resource).toEqual({
    type: 'bot',
    id: botId,
  });
  expect(entryOf(event('rollout.change-set.started.v1', `change-set-${changeSetId}`, {})).resource).toEqual({
    type: 'change-set',
    id: changeSetId,
  });
});

test('a refused request is known by its method and route', () => {
  const data = {
    method: 'POST',
    route: '/api/v1/bot-instances/:id/manifests',
    status: 422,
    code: 'policy.denied',
    message: 'no',
    errors: [],
    resourceId: botId,
    address: '127.0.0.1',
  };
  expect(entryOf(event('gateway.request.refused.v1', `requests-${changeSetId}`, data))).toMatchObject({
    action: 'POST /api/v1/bot-instances/:id/manifests',
    outcome: 'REFUSED',
    resource: { type: 'bot', id: botId },
  });
});

test('a denied request is in the record with what was asked for', () => {
  const data = {
    status: 403,
    route: 'DELETE /api/v1/fleets/:id',
    permission: 'fleets:delete',
    address: '127.0.0.1',
    count: 1,
    minute: '2026-11-21T10:00:00.000Z',
  };
  expect(entryOf(event('gateway.request.denied.v1', `requests-${changeSetId}`, data))).toMatchObject({
    action: 'DELETE /api/v1/fleets/:id',
    outcome: 'DENIED',
    resource: { type: 'fleet', id: '' },
  });
});

test('a manifest that was refused is a refusal', () => {
  expect(entryOf(event('config.manifest.refused.v1', `bot-${botId}`, {})).outcome).toBe('REFUSED');
});

test('an entry of an event is the same whenever it is made', () => {
  const made = () => entryOf(event('config.fleet.created.v1', `fleet-${botId}`, { b: 1, a: 2 }));
  expect(made()).toEqual(made());
  expect(leafOf(made(), 7)).toEqual(leafOf({ ...made(), diff: { a: 2, b: 1 } }, 7));
});

test('the leaf covers every field and the place', () => {
  const entry = entryOf(event('config.fleet.created.v1', `fleet-${botId}`, { a: 1 }));
  const leaf = leafOf(entry, 7);
  const changes = {
    workspace: 'other',
    id: changeSetId,
    time: '2026-11-21T10:00:00.001Z',
    actor: { kind: 'user' as const, id: 'eve', name: 'Anna' },
    action: 'config.fleet.deleted.v1',
    outcome: 'DENIED' as const,
    resource: { type: 'fleet', id: changeSetId },
    diff: { a: 2 },
    correlationId: 'other',
    causationId: 'x',
    eventId: changeSetId,
    source: 'molthub/policy',
  };
  expect(Object.keys(changes).toSorted()).toEqual(Object.keys(entry).toSorted());
  for (const [field, value] of Object.entries(changes)) {
    expect(leafOf({ ...entry, [field]: value }, 7), field).not.toEqual(leaf);
  }
  expect(leafOf(entry, 8)).not.toEqual(leaf);
});
