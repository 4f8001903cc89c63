// The pack of examples/house-rules.yaml, which docs/policy.md refers to, says what the page claims.
import { readFileSync } from 'node:fs';
import { CreatePack, Manifest } from '@molthub/contracts';
import { resolve } from '@molthub/manifest';
import { expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { judging } from './evaluate.ts';
import { atOnce } from './gently.ts';
import { compiling, problemsOf } from './pack.ts';

const text = readFileSync(new URL('../../../examples/house-rules.yaml', import.meta.url), 'utf8');
const Document = z.looseObject({ metadata: z.looseObject({}), spec: z.looseObject({}) });
const [packDocument, , bot] = parseAllDocuments(text).map((document): unknown => document.toJS());
const { metadata, spec } = Document.parse(packDocument);
const { packId, ...fields } = CreatePack.data.parse({
  packId: '5b7c1d0e-8f5d-4a7e-9a56-1f2a3b4c5d6e',
  ...metadata,
  ...spec,
});
const pack = atOnce(compiling({ ...fields, id: packId, version: '1', isBuiltin: false }));
const judge = (manifest: unknown, environment: 'dev' | 'prod' = 'dev') => {
  const resolved = resolve(Manifest.parse(manifest), {
    workspace: 'default',
    fleetName: 'support-rehearsal',
    environment,
  });
  return atOnce(judging([pack], resolved, { environment, point: 'plan' }));
};

test('its rules can be judged, and its bot keeps them', () => {
  expect(atOnce(problemsOf(fields.rules))).toEqual([]);
  expect(judge(bot)).toMatchObject({ valid: true, violations: [], warnings: [], packs: [{ id: packId }] });
});

test('a bot without an owner is denied, one without bounds warned, in prod also for what it logs', () => {
  const other = Document.parse(bot);
  const config = { logging: { level: 'debug' } };
  const without = { ...other, metadata: { ...other.metadata, labels: { team: 'support' } } };
  const verdict = judge({ ...without, spec: { ...other.spec, runtime: { engine: 'simulated' }, config } }, 'prod');
  expect(verdict.violations.map(({ ruleId }) => ruleId)).toEqual(['no-debug-logs-in-prod', 'owner-is-named']);
  expect(verdict.warnings.map(({ ruleId }) => ruleId)).toEqual(['bounded-memory']);
});
