import { specification } from '@molthub/decider/testing';
import { expect, test } from 'vitest';
import {
  botsPerChunkMax,
  type Evaluation,
  type ResolutionCommand,
  type ResolutionFact,
  resolutions,
} from './decider.ts';

const id = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
const hash = `sha256:${'a'.repeat(64)}`;
const author = { kind: 'user', id: 'u', name: 'Ada' } as const;
const layer = { kind: 'profile', id: id(1), name: 'quiet', version: 3 } as const;
const botsFrom = (first: number, count: number) =>
  Array.from({ length: count }, (_, n) => ({
    botId: id(first + n),
    botName: `b${first + n}`,
    before: hash,
    after: null,
  }));
const fleet = (n: number, bots: ReturnType<typeof botsFrom>) => ({
  changeSetId: id(900_000 + n),
  fleetId: id(800_000 + n),
  fleetName: `fleet-${n}`,
  environment: 'dev' as const,
  release: { mode: 'auto' as const, strategy: { kind: 'ALL' as const } },
  bots,
});
const envelope = {
  id: id(2),
  workspace: 'acme',
  actor: author,
  correlationId: 'c',
  causationId: null,
  time: '2026-11-21T10:00:00.000Z',
  records: true,
} as const;
const evaluate = (fleets: Evaluation['fleets']): ResolutionCommand => ({
  ...envelope,
  type: 'config.layers.evaluate.v1',
  data: { changeId: id(3) },
  change: { layer, change: 'updated', layersVersion: 12, reason: 'profile quiet updated' },
  fleets,
});
const { given } = specification(resolutions);

test('a change that moves nobody says so', () =>
  given()
    .when(evaluate([]))
    .then({ type: 'config.layers.evaluated.v1', data: { layersVersion: 12, layer, bots: 0, changeSetIds: [] } }));

test('the bots of each fleet are told in parts, with one change set for all of them', () => {
  const facts = resolutions.decide(
    evaluate([fleet(1, botsFrom(1, 2 * botsPerChunkMax + 1)), fleet(2, botsFrom(5_000, 1))]),
    'unknown',
  );
  const parts = facts.flatMap((fact) => (fact.type === 'config.resolution.changed.v1' ? [fact.data] : []));
  expect(parts.map(({ changeSetId, chunk, chunks, bots }) => [changeSetId, chunk, chunks, bots.length])).toEqual([
    [id(900_001), 0, 3, botsPerChunkMax],
    [id(900_001), 1, 3, botsPerChunkMax],
    [id(900_001), 2, 3, 1],
    [id(900_002), 0, 1, 1],
  ]);
  expect(facts.at(-1)?.data).toMatchObject({ bots: 2 * botsPerChunkMax + 2, changeSetIds: [id(900_001), id(900_002)] });
});

test('a change is told once', () => {
  const told: ResolutionFact = {
    type: 'config.layers.evaluated.v1',
    data: { layersVersion: 12, layer, bots: 0, changeSetIds: [] },
  };
  given(told)
    .when(evaluate([fleet(1, botsFrom(1, 1))]))
    .thenNothing();
});

test('a change that cannot be told says why, unless it has been told', () => {
  const why = { code: 'config.event-too-large', message: 'Too much.' };
  const refuse: ResolutionCommand = {
    ...envelope,
    type: 'config.layers.refuse.v1',
    data: { changeId: id(3), ...why },
    change: { layer, change: 'updated', layersVersion: 12 },
  };
  const refused: ResolutionFact = { type: 'config.layers.refused.v1', data: { layersVersion: 12, layer, ...why } };
  given().when(refuse).then(refused);
  given(refused).when(refuse).thenNothing();
  given(refused)
    .when(evaluate([fleet(1, botsFrom(1, 1))]))
    .thenNothing();
});
