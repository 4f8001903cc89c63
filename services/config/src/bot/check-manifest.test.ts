import { Manifest, type Problem } from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import { describe, expect, test } from 'vitest';
import { noLayers } from '../layers/known-layers.ts';
import { checkManifest } from './check-manifest.ts';

const place = { workspace: 'default', fleetId: null, fleetName: 'support', environment: 'dev' } as const;
const manifest = (spec: Record<string, unknown> = {}, metadata: Record<string, unknown> = {}) =>
  Manifest.parse({
    apiVersion: 'molthub/v1',
    kind: 'MoltbotInstance',
    metadata: { name: 'anna', ...metadata },
    spec: {
      runtime: { engine: 'openclaw', version: '2026.9.6' },
      target: { kind: 'local' },
      config: { logging: { level: 'info' } },
      ...spec,
    },
  });
const agrees = async () => [];
const problemsOf = async (given: Manifest, engine: () => Promise<readonly Problem[]> = agrees) => {
  const checked = await checkManifest(given, place, engine);
  return checked.sound ? [] : checked.problems.map(({ path, code }) => `${code} ${path}`);
};
const taskRole = { statements: [{ actions: ['s3:GetObject'], resources: ['*'] }] };
const simulated = { runtime: { engine: 'simulated' }, target: { kind: 'simulated' } };

describe('a manifest', () => {
  test('that is right resolves to its hash', async () => {
    expect(await checkManifest(manifest(), place, agrees)).toMatchObject({
      sound: true,
      hash: expect.stringMatching(/^sha256:/),
      resolved: { metadata: { fleet: 'support', environment: 'dev' } },
    });
  });

  test('that says null deletes what is there, and leaves no null behind', async () => {
    const checked = await checkManifest(manifest({ config: { tools: { deny: null }, note: 'a' } }), place, agrees);
    const config = checked.sound ? checked.resolved.spec.config : null;
    expect(config).toMatchObject({ note: 'a' });
    expect(config?.['tools'] ?? {}).not.toHaveProperty('deny');
  });

  const wrong: readonly (readonly [expected: string, given: Manifest])[] = [
    ['config.forbidden-key spec.config.a.constructor', manifest({ config: { a: { constructor: 1 } } })],
    ['config.too-large spec.config', manifest({ config: { note: 'a'.repeat(256 * 1024) } })],
    ['config.place-mismatch metadata.environment', manifest({}, { environment: 'prod' })],
    ['config.place-mismatch metadata.fleet', manifest({}, { fleet: 'other' })],
    ['config.place-mismatch metadata.workspace', manifest({}, { workspace: 'other' })],
    ['config.target-refused spec.target.kind', manifest({ target: { kind: 'simulated' } })],
    ['config.target-refused spec.target.kind', manifest({ runtime: { engine: 'simulated' } })],
    ['config.target-refused spec.target.taskRole', manifest({ target: { kind: 'local', taskRole } })],
    [
      'config.target-refused spec.runtime.autoscaling',
      manifest({
        runtime: { engine: 'openclaw', version: '2026.9.6', autoscaling: { minReplicas: 1, maxReplicas: 2 } },
      }),
    ],
    [
      'config.autoscaling-refused spec.runtime.autoscaling.minReplicas',
      manifest({
        runtime: { engine: 'simulated', autoscaling: { minReplicas: 3, maxReplicas: 2 } },
        target: { kind: 'simulated', taskRole },
      }),
    ],
    ['config.version-not-pinned spec.runtime.version', manifest({ runtime: { engine: 'openclaw' } })],
    ['config.secret-literal spec.config.hooks.token', manifest({ config: { hooks: { token: 'open sesame' } } })],
    [
      'config.env-forbidden spec.runtime.env.NODE_OPTIONS',
      manifest({ runtime: { engine: 'openclaw', version: '2026.9.6', env: { NODE_OPTIONS: '--require=/x' } } }),
    ],
    [
      'config.engine-config spec.config.simulation.errorRate',
      manifest({ ...simulated, config: { simulation: { errorRate: 2 } } }),
    ],
  ];
  test.each(wrong)('is refused with %s', async (expected, given) => {
    expect(await problemsOf(given)).toEqual([expected]);
  });

  test('that was taken before is not asked again for the name of its fleet, which may be another since', async () => {
    const on = { botId: null, manifestVersion: 2, layers: noLayers, isPublished: true };
    expect(await checkManifest(manifest({}, { fleet: 'other' }), place, agrees, on)).toMatchObject({
      sound: true,
      resolved: { metadata: { fleet: 'support' } },
    });
  });

  const names = ['LD_PRELOAD', 'PATH', 'NODE_PATH', 'OPENCLAW_HOME', 'HOME', 'DATABASE_URL', 'HTTPS_PROXY', 'BASH_ENV'];
  test.each(names)('may not set the environment variable %s', async (name) => {
    const given = manifest({ runtime: { engine: 'openclaw', version: '2026.9.6', env: { [name]: 'x' } } });
    expect(await problemsOf(given)).toEqual([`config.env-forbidden spec.runtime.env.${name}`]);
  });

  test('is told all that is wrong with it at once; the engine is asked when nothing else is', async () => {
    const given = manifest({ config: { logging: { level: 'loud' }, hooks: { token: 'open sesame' } } }, { fleet: 'x' });
    const engine = async () => [{ path: 'spec.config.logging.level', code: 'config.engine-config', message: 'No.' }];
    expect(await problemsOf(given, engine)).toEqual([
      'config.place-mismatch metadata.fleet',
      'config.secret-literal spec.config.hooks.token',
    ]);
  });
  test('never repeats a secret in what it is told', async () => {
    const given = manifest({ config: { hooks: { token: 'open sesame' } } });
    expect(JSON.stringify(await checkManifest(given, place, agrees))).not.toContain('open sesame');
  });
  test('of a version that does not exist is refused; a fault of the machine is not its fault', async () => {
    const unknown = async () => {
      throw new Rejected('openclaw.version-unknown', 'There is no such version.');
    };
    expect(await problemsOf(manifest(), unknown)).toEqual(['openclaw.version-unknown spec.runtime.version']);
    const offline = async () => {
      throw new Error('no network');
    };
    await expect(checkManifest(manifest(), place, offline)).rejects.toThrow('no network');
  });
});
