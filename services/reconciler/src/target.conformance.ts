// What every target must do, whatever it runs bots on. A new kind is done when it passes this.
import type { ResolvedManifest } from '@molthub/contracts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { canonicalHash } from '@molthub/manifest';
import type { Desired, Observation, Target } from './target.ts';

export type ConformanceSettings = {
  readonly open: () => Promise<Target>;
  /** Two manifests that differ in something the bot can take over. */
  readonly manifests: readonly [ResolvedManifest, ResolvedManifest];
  /** Makes the bot's process end by itself. */
  readonly crash: (target: Target, desired: Desired) => Promise<void>;
  /** Changes the bot's configuration behind the target's back. */
  readonly drift: (target: Target, desired: Desired) => Promise<void>;
  /** Waits for a condition; a target may need a moment to notice. */
  readonly eventually: (condition: () => Promise<boolean>, what: string) => Promise<unknown>;
};

export const simulatedManifest = (simulation: Readonly<Record<string, number | boolean>> = {}): ResolvedManifest => ({
  apiVersion: 'molthub/v1',
  kind: 'MoltbotInstance',
  metadata: { name: 'conform' },
  spec: {
    runtime: { engine: 'simulated' },
    target: { kind: 'simulated' },
    config: { simulation: { startMs: 0, applyMs: 0, ...simulation } },
  },
});

/** A bot at its first generation. */
export const desiredBot = (
  resolved = simulatedManifest(),
  botId = '0198c0de-0000-7000-8000-00000000b071',
): Desired => ({
  workspace: 'default',
  botId,
  botName: 'conform',
  fleetId: '0198c0de-0000-7000-8000-00000000f1ee',
  environment: 'dev',
  version: 1,
  generation: 1,
  hash: canonicalHash(resolved),
  resolved,
  run: 'RUNNING',
  restarts: 0,
});

/** Carries out a plan as the loop does, until nothing is left to do. */
export const reach = async (target: Target, desired: Desired): Promise<Observation> => {
  for (let round = 0; round < 5; round += 1) {
    const actions = target.plan(desired, await target.observe(desired));
    if (actions.length === 0) break;
    for (const action of actions) {
      if (action.kind === 'install') await target.install(desired, ignore);
      if (action.kind === 'configure' && (await target.configure(desired, ignore)) === 'needs-restart') {
        if (!actions.some((other) => other.kind === 'start')) await target.restart(desired, ignore);
      }
      if (action.kind === 'start') await target.start(desired, ignore);
      if (action.kind === 'stop') await target.stop(desired, action.how);
      if (action.kind === 'restart') await target.restart(desired, ignore);
      if (action.kind === 'destroy') await target.destroy(desired);
    }
  }
  return target.observe(desired);
};
const ignore = () => {};

export const describeTarget = (kind: string, settings: ConformanceSettings) =>
  describe(`target ${kind}`, () => {
    const first = desiredBot(settings.manifests[0]);
    const second: Desired = {
      ...first,
      version: 2,
      generation: 2,
      resolved: settings.manifests[1],
      hash: canonicalHash(settings.manifests[1]),
    };
    let target: Target;
    beforeAll(async () => {
      target = await settings.open();
    });
    afterAll(async () => {
      await target.destroy(first);
      await target.close();
    });
    const converged = (desired: Desired) => ({
      is: 'running',
      generation: desired.generation,
      hash: desired.hash,
      answers: 'yes',
      differences: [],
    });

    test('names its kind', () => expect(target.kind).toBe(kind));
    test('a bot it never saw is absent', async () => expect(await target.observe(first)).toEqual({ is: 'absent' }));
    test('stopping or destroying what is not there is no error', async () => {
      await target.stop(first, 'clean');
      await target.destroy(first);
    });
    test('brings a bot to its generation and hash', async () =>
      expect(await reach(target, first)).toMatchObject({ ...converged(first), channels: 'open' }));
    test('a bot that is right needs nothing', async () =>
      expect(target.plan(first, await target.observe(first))).toEqual([]));
    test('doing it all again changes nothing', async () => {
      const before = await target.observe(first);
      await target.install(first, ignore);
      await target.configure(first, ignore);
      await target.start(first, ignore);
      expect(await target.observe(first)).toEqual(before);
    });
    test('another configuration is taken over', async () =>
      expect(await reach(target, second)).toMatchObject(converged(second)));
    test('reads its log, at most as many lines as asked', async () => {
      const lines = await target.logs(second, 5);
      expect(lines.length).toBeGreaterThan(0);
      expect(lines.length).toBeLessThanOrEqual(5);
    });
    test('a change behind its back shows as a difference and is undone', async () => {
      await settings.drift(target, second);
      await settings.eventually(async () => {
        const seen = await target.observe(second);
        return seen.is === 'running' && seen.differences.length > 0 && seen.hash !== second.hash;
      }, 'the difference');
      expect((await target.observedPatch(second))?.paths).toHaveLength(1);
      expect(await reach(target, second)).toMatchObject(converged(second));
      expect((await target.observedPatch(second))?.paths).toEqual([]);
    });
    test('a process that ended by itself shows as stopped, and not as asked', async () => {
      await settings.crash(target, second);
      await settings.eventually(async () => (await target.observe(second)).is === 'stopped', 'the end of the process');
      expect(await target.observe(second)).toMatchObject({ is: 'stopped', asAsked: false });
      expect(await reach(target, second)).toMatchObject(converged(second));
    });
    test('a paused bot runs on with its channels cut, and gets them back', async () => {
      expect(await reach(target, { ...second, run: 'PAUSED' })).toMatchObject({
        ...converged(second),
        channels: 'cut',
      });
      expect(await reach(target, second)).toMatchObject({ ...converged(second), channels: 'open' });
    });
    test('a restart that is asked for is done once', async () => {
      const restarted = { ...second, restarts: 1 };
      expect(await reach(target, restarted)).toMatchObject({ ...converged(second), restarts: 1 });
      expect(target.plan(restarted, await target.observe(restarted))).toEqual([]);
    });
    test('a stopped bot keeps its state and starts again', async () => {
      expect(await reach(target, { ...second, run: 'STOPPED' })).toMatchObject({ is: 'stopped', asAsked: true });
      expect(await reach(target, { ...second, restarts: 1 })).toMatchObject(converged(second));
    });
    test('a bot has the mark as long as anything of it is there, and nothing is left of a destroyed one', async () => {
      const { botId, workspace } = second;
      expect(await target.marked()).toMatchObject([{ botId, workspace }]);
      expect(await reach(target, { ...second, run: 'DESTROYED' })).toEqual({ is: 'absent' });
      expect(await target.marked()).toEqual([]);
    });
  });
