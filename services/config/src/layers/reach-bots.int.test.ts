// How changed layers come to bots, on real servers, beside a policy that passes everything.
import { randomUUID } from 'node:crypto';
import {
  CreateBot,
  CreateFleet,
  CreateOverlay,
  CreateProfile,
  EvaluateLayers,
  type Manifest,
  ManifestEvaluated,
  ManifestProposed,
  UpdateFleet,
  UpdateProfile,
} from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import { newEvent } from '@molthub/event-store/testing';
import type { RunningService } from '@molthub/service';
import { silentService, startTestService } from '@molthub/service/testing';
import { until, withNats, withPostgres } from '@molthub/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { configService } from '../service.ts';
import { reachBots } from './jobs.ts';
import { layersAt, layersKeyOf, layersOf } from './known-layers.ts';

const postgres = withPostgres();
const nats = withNats();
let config: RunningService;
let policy: RunningService;
/** What the engine of a bot of this name does when it is asked. */
const engines = new Map<string, () => Promise<void>>();
/** How often the bots were looked for that a change of these workspaces moves, and refused to be told. */
const refused = new Map<string, number>();
beforeAll(async () => {
  const urls = { databaseUrl: (await postgres.createDatabase()).url, natsUrl: nats.url };
  const validateEngineConfig = async ({ metadata }: Manifest) => {
    await engines.get(metadata.name)?.();
    return [];
  };
  const definition = configService({ validateEngineConfig });
  const aggregates = definition.aggregates.map((aggregate) => ({
    ...aggregate,
    prepare: async (...[command, reads]: Parameters<typeof aggregate.prepare>) => {
      const times = refused.get(command.workspace);
      if (command.type !== EvaluateLayers.type || times === undefined) return aggregate.prepare(command, reads);
      refused.set(command.workspace, times + 1);
      throw new Rejected('config.event-too-large', 'What this would record is larger than 512 KiB; ask for less.');
    },
  }));
  [config, policy] = await Promise.all([
    startTestService({ ...definition, aggregates, jobs: [reachBots(100, 1)] }, urls),
    startTestService(silentService('policy'), urls),
  ]);
  config.runtime.committed((events) => {
    for (const { type, data, workspace } of events) {
      if (type === ManifestProposed.type) pass(ManifestProposed.data.parse(data), workspace);
    }
  });
});
afterAll(async () => {
  await config.stop();
  await Promise.all(verdicts);
  await policy.stop();
});

const verdicts: Promise<unknown>[] = [];
type Proposed = z.infer<typeof ManifestProposed.data>;
const pass = ({ proposalId, botId, fleetId, environment }: Proposed, workspace: string) => {
  const verdict = { valid: true, violations: [], warnings: [], packs: [], proposalId, botId, fleetId, environment };
  const events = [{ ...newEvent(ManifestEvaluated.type, ManifestEvaluated.data.parse(verdict)), workspace }];
  verdicts.push(policy.log.commit({ streams: [{ stream: `proposal-${proposalId}`, expected: 'any', events }] }));
};

const latency = (latencyMs: number) => ({ spec: { config: { simulation: { latencyMs } } } });
const makeWorkspace = () => {
  const workspace = `w${randomUUID().slice(0, 8)}`;
  const run: RunningService['runtime']['execute'] = async (definition, data, execution) => {
    const outcome = await config.runtime.execute(definition, data, execution);
    expect(outcome.status, JSON.stringify(outcome)).not.toBe('REFUSED');
    return outcome;
  };
  const makeProfile = async (name: string, latencyMs: number) => {
    const profileId = randomUUID();
    await run(CreateProfile, CreateProfile.data.parse({ profileId, name, defaults: latency(latencyMs) }), {
      workspace,
    });
    return profileId;
  };
  return {
    workspace,
    run,
    makeProfile,
    makeFleet: async (name: string) => {
      const fleetId = randomUUID();
      await run(CreateFleet, CreateFleet.data.parse({ fleetId, name, environment: 'dev' }), { workspace });
      return fleetId;
    },
    makeBot: async (fleetId: string, name: string, metadata: Record<string, unknown> = {}) => {
      const botId = randomUUID();
      const manifest = {
        apiVersion: 'molthub/v1',
        kind: 'MoltbotInstance',
        metadata: { name, ...metadata },
        spec: { runtime: { engine: 'simulated' }, target: { kind: 'simulated' }, config: {} },
      };
      await run(CreateBot, CreateBot.data.parse({ botId, fleetId, manifest }), { workspace });
      await untilVersion(botId, 1);
      return botId;
    },
    change: (profileId: string, changed: Record<string, unknown>) =>
      run(UpdateProfile, UpdateProfile.data.parse({ profileId, ...changed }), { workspace }),
    /** How many bots the changes of the layers moved, from the first to the last; null where it is not known yet. */
    moved: async () => {
      const rows = await config.runtime.reads<{ bots: number | null }>(
        'select bots from layer_changes where workspace = $1 order by layers_version',
        [workspace],
      );
      return rows.map(({ bots }) => bots);
    },
  };
};
const untilVersion = (botId: string, version: number) =>
  until(
    async () => {
      const rows = await config.runtime.reads('select 1 from bots where id = $1 and manifest_version = $2', [
        botId,
        version,
      ]);
      return rows.length === 1;
    },
    { what: `bot ${botId} to be at version ${version}`, timeoutMs: 20_000, everyMs: 50 },
  );

test('a layer that changes costs itself: the others stay what they are in memory, and what was before is let go', async () => {
  const { workspace, makeProfile, change, moved } = makeWorkspace();
  const [one, two] = [await makeProfile('one', 1), await makeProfile('two', 2)];
  // Until then the job reads them too, and what two read at once is kept twice for a moment.
  await until(async () => (await moved()).join() === '0,0', { what: 'nobody else to read them' });
  const { reads } = config.runtime;
  const [row] = await reads<{ key: string }>(`select ${layersKeyOf('$1')} as key`, [workspace]);
  const before = await layersAt(workspace, row?.key ?? null, reads);
  await change(one, { defaults: latency(3) });
  const after = await layersOf(workspace, reads);
  const of = ({ all }: typeof before, id: string) => all.find((layer) => layer.id === id);
  expect(of(after, two)).toBe(of(before, two));
  expect(of(before, one)).toMatchObject({ version: 1, content: { defaults: latency(1) } });
  expect(of(after, one)).toMatchObject({ kind: 'profile', version: 2, content: { defaults: latency(3) } });
  expect(after.all).toHaveLength(before.all.length);
  expect((await layersAt(workspace, row?.key ?? null, reads)).version).toBe(after.version);
});

test('a bot whose engine does not answer holds up neither other bots, nor other changes, nor shares', async () => {
  const faulty = makeWorkspace();
  const { run, workspace, moved, ...healthy } = makeWorkspace();
  const [sick, well] = [await faulty.makeFleet('sick'), await healthy.makeFleet('well')];
  await faulty.makeBot(sick, 'faulty');
  await faulty.makeBot(sick, 'slow');
  const anna = await healthy.makeBot(well, 'anna');
  let answer: () => void = () => undefined;
  const slow = new Promise<void>((resolve) => {
    answer = resolve;
  });
  let asked = 0;
  engines.set('slow', () => {
    asked += 1;
    return slow;
  });
  engines.set('faulty', async () => {
    asked += 1;
    throw new Error('no network');
  });
  try {
    // Earlier in every order than what is well, as its layers are at version 1.
    await faulty.makeProfile('sick', 5);
    await until(() => asked > 0, { what: 'a bot of theirs to be tried' });
    const profileId = await healthy.makeProfile('well', 6);
    await until(async () => (await moved()).at(-1) === 1, { what: 'the other change to be evaluated' });
    answer();
    await untilVersion(anna, 2);
    await healthy.change(profileId, { defaults: latency(7) });
    await untilVersion(anna, 3);
    const overlayId = randomUUID();
    const overlay = {
      overlayId,
      name: 'half',
      target: { fleetId: well },
      patch: latency(9),
      rollout: { percentage: 50 },
    };
    await run(CreateOverlay, CreateOverlay.data.parse(overlay), { workspace });
    for (const name of ['bert', 'carl', 'dora']) await healthy.makeBot(well, name);
    const chosen = `select 1 from layers where id = $1 and jsonb_array_length(content->'cohort') = 2`;
    await until(async () => (await config.runtime.reads(chosen, [overlayId])).length === 1, { what: 'two of four' });
  } finally {
    answer();
    engines.clear();
  }
}, 60_000);

test('a fleet of another name: a layer that says nothing else moves no bot, and one that does reaches them', async () => {
  const { workspace, run, makeFleet, makeBot, makeProfile, change, moved } = makeWorkspace();
  const fleetId = await makeFleet('old');
  const profileId = await makeProfile('named', 5);
  const anna = await makeBot(fleetId, 'anna', { fleet: 'old' });
  await run(UpdateFleet, { fleetId, name: 'new' }, { workspace });
  await change(profileId, { description: 'The same as before.' });
  await until(async () => (await moved()).length === 2 && (await moved()).every((bots) => bots !== null), {
    what: 'the change to be evaluated',
  });
  expect(await moved()).toEqual([0, 0]);
  await change(profileId, { defaults: latency(6) });
  await untilVersion(anna, 2);
  expect(await moved()).toEqual([0, 0, 1]);
}, 60_000);

test('a change whose bots cannot be told ends with the reason, is not tried again, and holds up no later one', async () => {
  const { workspace, makeFleet, makeBot, makeProfile, change, moved } = makeWorkspace();
  const anna = await makeBot(await makeFleet('support'), 'anna');
  refused.set(workspace, 0);
  const profileId = await makeProfile('quiet', 5);
  const outcomes = () =>
    config.runtime.reads(
      'select bots, change_set_ids, refused from config_read.layer_changes where workspace = $1 order by layers_version',
      [workspace],
    );
  const [first] = await until(async () => (await outcomes()).some(({ refused: why }) => why !== null) && outcomes(), {
    what: 'the change to end',
  });
  const message = 'What this would record is larger than 512 KiB; ask for less.';
  expect(first).toEqual({ bots: null, change_set_ids: [], refused: { code: 'config.event-too-large', message } });
  const other = makeWorkspace();
  await other.makeProfile('witness', 6);
  await until(async () => (await other.moved()).every((bots) => bots !== null), { what: 'the next look' });
  expect(refused.get(workspace)).toBe(1);
  refused.delete(workspace);
  await change(profileId, { defaults: latency(7) });
  await untilVersion(anna, 2);
  expect(await moved()).toEqual([null, 1]);
}, 60_000);
