// Bots of the templates that come with Molthub, by the schema that a real OpenClaw publishes. Its runtime is shared with
// other tests: 650 MB.
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Manifest } from '@molthub/contracts';
import { expect, test } from 'vitest';
import { checkManifest } from '../bot/check-manifest.ts';
import { engineConfigValidator } from '../engine-config.ts';
import { noLayers } from '../layers/known-layers.ts';
import { builtinTemplates } from './builtin-templates.ts';

const runtimesDir = join(tmpdir(), 'molthub-test-runtimes');
const validate = engineConfigValidator({ runtimesDir, schemasDir: join(runtimesDir, 'schemas'), log: () => undefined });
const place = { workspace: 'default', fleetId: null, fleetName: 'support', environment: 'dev' } as const;

test.each(builtinTemplates.map(({ content }) => [content.name, content] as const))(
  'a bot of %s with every field filled in is one that OpenClaw takes',
  async (name, { requiredSecrets, configurableFields }) => {
    const filled = configurableFields.map(({ path, type, options }) => [
      path,
      type === 'select' ? options?.at(-1)?.value : path.endsWith('path') ? '/in' : 'anthropic/claude-sonnet-4-5',
    ]);
    const manifest = Manifest.parse({
      apiVersion: 'molthub/v1',
      kind: 'MoltbotInstance',
      metadata: { name: 'anna' },
      spec: {
        template: { name, values: Object.fromEntries(filled) },
        runtime: { engine: 'openclaw', version: '2026.9.6' },
        target: { kind: 'local' },
        secrets: requiredSecrets.map((secret) => ({ name: secret.name, provider: 'env', key: secret.name })),
      },
    });
    const on = { botId: null, manifestVersion: 1, layers: noLayers };
    const checked = await checkManifest(manifest, place, validate, on);
    expect(checked.sound ? [] : checked.problems).toEqual([]);
    expect(checked).toMatchObject({ layers: { version: 0, applied: [{ kind: 'template', name, version: 1 }] } });
    expect(checked.sound && checked.resolved.spec.template).toBeUndefined();
  },
  300_000,
);
