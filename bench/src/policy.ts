// Policy alone: packs of 50 rules of many types over 10,000 bots, as a dry run or a sweep would judge them.
import { loadavg } from 'node:os';
import { Manifest, type PolicyRule } from '@molthub/contracts';
import { resolve } from '@molthub/manifest';
import { judging } from '@molthub/policy-service/evaluate';
import { atOnce } from '@molthub/policy-service/gently';
import { type CompiledPack, compiling } from '@molthub/policy-service/pack';
import { countCpu } from './cpu.ts';
import { type Figure, measured, quantile } from './measured.ts';

const runs = 5;
const bots = 10_000;
const rules = 50;

export const policy: Figure = {
  name: 'policy',
  about: '50 rules × 10,000 bots (floor: 10 s; goal: 2 s, p99 of one bot 0.5 ms)',
  measure: async (report) => {
    const pack = compiledPack();
    const [seconds, p99Ms, cpuSeconds]: [number[], number[], number[]] = [[], [], []];
    for (let run = 0; run < runs; run += 1) {
      // Made anew: rules remember what they found in a manifest for as long as it is there.
      const manifests = Array.from({ length: bots }, (_, index) => botOf(index));
      const used = await countCpu([]);
      const eachMs: number[] = [];
      const began = performance.now();
      for (const resolved of manifests) {
        const start = performance.now();
        atOnce(judging([pack], resolved, { environment: 'dev', point: 'plan' }));
        eachMs.push(performance.now() - start);
      }
      seconds.push((performance.now() - began) / 1_000);
      cpuSeconds.push((await used()).ownMs / 1_000);
      p99Ms.push(
        quantile(
          eachMs.toSorted((a, b) => a - b),
          0.99,
        ),
      );
    }
    const context = {
      bots,
      rules,
      cpuSeconds: cpuSeconds.map((value) => Number(value.toPrecision(3))),
      load: loadavg()[0],
    };
    report(measured('policy: 50 rules × 10,000 bots', 's', seconds, context));
    report(measured('policy: one bot by 50 rules, p99', 'ms', p99Ms, context));
  },
};

/** Ten kinds of rule, each five times with other parameters: fields, patterns, expressions, schemas, OpenClaw's own. */
const kinds: readonly ((n: number) => Pick<PolicyRule, 'type' | 'config'>)[] = [
  (n) => ({ type: 'required_field', config: { field: `metadata.labels.label-${n}` } }),
  (n) => ({ type: 'forbidden_field', config: { field: `spec.config.channels.*.accounts.*.debug${n}` } }),
  (n) => ({ type: 'field_range', config: { field: 'spec.runtime.memory', min: 256, max: 1_024 * (n + 1) } }),
  (n) => ({ type: 'custom_regex', config: { field: 'metadata.labels.*', pattern: `^[a-z]+-[0-9]{1,${n + 4}}$` } }),
  (n) => ({ type: 'resource_limits', config: { maxMemory: 1_024 * (n + 1), maxCpu: 8 } }),
  (n) => ({
    type: 'cel',
    config: { expression: `spec.channels.all(c, c.type.matches("^[a-z]+$") && c.type != "irc-${n}")` },
  }),
  (n) => ({ type: 'cel', config: { expression: `!has(spec.runtime.cpu) || spec.runtime.cpu <= ${n + 4}.0` } }),
  (n) => ({
    type: 'custom_json_schema',
    config: {
      schema: { properties: { metadata: { properties: { labels: { maxProperties: 20 + n } } } }, required: ['spec'] },
    },
  }),
  () => ({ type: 'forbid_plaintext_secrets', config: {} }),
  () => ({ type: 'require_dm_policy', config: { allowedValues: ['pairing', 'allowlist'] } }),
];

const compiledPack = (): CompiledPack =>
  atOnce(
    compiling({
      id: 'builtin-bench',
      name: 'bench',
      version: '1',
      description: '',
      priority: 1,
      targetEnvironments: [],
      targetTags: {},
      isEnforced: true,
      autoApply: true,
      isActive: true,
      isBuiltin: true,
      rules: Array.from({ length: rules }, (_, index) => ({
        id: `rule-${index}`,
        severity: 'ERROR' as const,
        description: '',
        allowOverride: false,
        enabled: true,
        targetEnvironments: [],
        actions: {},
        ...kindOf(index),
      })),
    }),
  );

const kindOf = (index: number) => {
  const kind = kinds[index % kinds.length];
  if (!kind) throw new Error('No kind of rule.');
  return kind(Math.floor(index / kinds.length));
};

/** A bot as they are: some labels, two channels with an account each, tools and logs; about 1.5 KB. */
const botOf = (index: number) =>
  resolve(
    Manifest.parse({
      apiVersion: 'molthub/v1',
      kind: 'MoltbotInstance',
      metadata: {
        name: `bot-${index}`,
        labels: Object.fromEntries(Array.from({ length: 6 }, (_, n) => [`label-${n}`, `team-${(index + n) % 100}`])),
      },
      spec: {
        runtime: { engine: 'openclaw', version: '2026.9.6', memory: 512 + (index % 4) * 256, cpu: 1 },
        target: { kind: 'local' },
        channels: [{ type: 'telegram' }, { type: 'slack' }],
        config: {
          logging: { level: 'info' },
          channels: {
            telegram: { dmPolicy: 'pairing', accounts: { main: { dmPolicy: 'pairing', allowFrom: ['123', '456'] } } },
            slack: { dmPolicy: 'allowlist', groupPolicy: 'allowlist', accounts: { main: { enabled: true } } },
          },
          tools: { profile: 'messaging', allow: ['group:fs', 'browser'], deny: ['exec'] },
          agents: { defaults: { model: { primary: 'some/model' }, sandbox: { mode: 'non-main' } } },
        },
      },
    }),
    { workspace: 'default', fleetName: 'support', environment: 'dev' },
  );
