// Resolving layers alone: a template, a profile with locks, an overlay and the bot's own manifest, 2.5 KB once resolved.
import { loadavg } from 'node:os';
import { type Layer, leavesOf, manifestLists, mergePatch, prepareLayer, resolvePrepared } from '@molthub/layers';
import { canonicalHash, isJsonObject } from '@molthub/manifest';
import { countCpu } from './cpu.ts';
import { type Figure, measured } from './measured.ts';

const runs = 5;
const bots = 10_000;

export const resolveLayers: Figure = {
  name: 'resolve-layers',
  about: '4 layers, 2.5 KB, with provenance and locks (floor: 10k/s; goal: 30k/s, 10,000 bots planned in 1 s)',
  measure: async (report) => {
    const [template, profile, overlay] = shared.map((layer) => prepareLayer(layer, manifestLists));
    if (!template || !profile || !overlay) throw new Error('There are three shared layers.');
    const resolvedBot = (index: number) =>
      sound(resolvePrepared([template, profile, overlay, prepareLayer(instanceOf(index), manifestLists)]));
    const fromScratch = (index: number) =>
      sound(resolvePrepared([...shared, instanceOf(index)].map((layer) => prepareLayer(layer, manifestLists))));
    const resolvedBytes = Buffer.byteLength(JSON.stringify(resolvedBot(0).value));
    const leaves = leavesOf(resolvedBot(0).value, resolvedBot(0).provenance).length;
    const figures: readonly (readonly [string, (index: number) => unknown])[] = [
      ['resolve 4 layers, provenance and locks', resolvedBot],
      ['resolve 4 layers, every layer checked anew', fromScratch],
      ['resolve 4 layers, each leaf written with its path', (index) => written(resolvedBot(index))],
      ['resolve 4 layers, with the hash', (index) => canonicalHash(resolvedBot(index).value)],
      ['4 merge patches alone', (index) => patches(index).reduce<unknown>(mergePatch, {})],
      ['4 merge patches alone, nothing checked', (index) => patches(index).reduce<unknown>(unchecked, {})],
    ];
    for (const [figure, work] of figures) report(await each(figure, work, { resolvedBytes, leaves }));
  },
};

const each = async (figure: string, work: (index: number) => unknown, context: Readonly<Record<string, unknown>>) => {
  for (let index = 0; index < bots; index += 1) work(index);
  const [perSecond, cpuUs]: [number[], number[]] = [[], []];
  for (let run = 0; run < runs; run += 1) {
    const used = await countCpu([]);
    const began = performance.now();
    for (let index = 0; index < bots; index += 1) work(index);
    perSecond.push((bots * 1_000) / (performance.now() - began));
    cpuUs.push(((await used()).ownMs * 1_000) / bots);
  }
  return measured(figure, '/s', perSecond, { ...context, cpuUs, load: loadavg()[0] });
};

const patches = (index: number): readonly unknown[] => [...shared, instanceOf(index)].map(({ patch }) => patch);

/** What RFC 7386 says and no more: the least that such a fold costs. */
const unchecked = (target: unknown, patch: unknown): unknown => {
  if (!isJsonObject(patch)) return patch;
  const made: Record<string, unknown> = isJsonObject(target) ? { ...target } : {};
  for (const name of Object.keys(patch)) {
    if (patch[name] === null) delete made[name];
    else made[name] = unchecked(made[name], patch[name]);
  }
  return made;
};

type Resolved = ReturnType<typeof resolvePrepared>;

const sound = (resolution: Resolved) => {
  if (!resolution.sound) throw new Error(JSON.stringify(resolution.problems));
  return resolution;
};

const written = ({ value, provenance }: ReturnType<typeof sound>) => leavesOf(value, provenance);

const layer = (kind: Layer['kind'], id: string, patch: Layer['patch'], more: Partial<Layer> = {}): Layer => ({
  id,
  name: id,
  version: 1,
  changeSetId: null,
  actor: { kind: 'user', id: 'ursula', name: 'Ursula' },
  priority: 10,
  patch,
  ...more,
  kind,
});

const model = (name: string) => ({
  params: { temperature: 0.2, maxTokens: 4_096, cacheRetention: 'short' },
  alias: name,
});
const account = (name: string) => ({
  enabled: true,
  dmPolicy: 'pairing',
  allowFrom: [`${name}-1`, `${name}-2`, `${name}-3`],
  groups: { '*': { requireMention: true }, [`${name}-team`]: { requireMention: false, tools: { deny: ['exec'] } } },
});

const shared: readonly Layer[] = [
  layer('template', 'support-bot', {
    metadata: { labels: { team: 'support', tier: 'standard' } },
    spec: {
      runtime: { engine: 'openclaw', version: '2026.9.6', memory: 1_024, cpu: 0.5 },
      target: { kind: 'local' },
      channels: [{ type: 'telegram' }, { type: 'slack' }],
      skills: { mode: 'ALLOWLIST', allowlist: ['weather', 'github', 'calendar'] },
      config: {
        logging: { level: 'info', redactSensitive: 'tools' },
        channels: {
          telegram: {
            dmPolicy: 'pairing',
            accounts: { main: account('main'), second: account('second'), third: account('third') },
          },
          slack: { dmPolicy: 'allowlist', groupPolicy: 'allowlist', accounts: { main: account('slack') } },
          discord: { dmPolicy: 'pairing', accounts: { main: account('discord'), second: account('discord-2') } },
        },
        agents: {
          defaults: {
            model: { primary: 'some/model', fallbacks: ['other/model', 'third/model'] },
            models: { 'some/model': model('some'), 'other/model': model('other'), 'third/model': model('third') },
            sandbox: { mode: 'non-main', scope: 'agent', docker: { network: 'none', memory: '512m' } },
          },
        },
        tools: { profile: 'messaging', deny: ['exec', 'process'], elevated: { enabled: false } },
      },
    },
  }),
  layer(
    'profile',
    'house',
    {
      spec: {
        secrets: [{ name: 'TELEGRAM_TOKEN', provider: 'file', key: 'telegram-token' }],
        skills: { allowlist: ['handbook'] },
        network: { inbound: 'NONE', egressPreset: 'RESTRICTED' },
        config: {
          gateway: { auth: { mode: 'token' }, bind: 'loopback' },
          tools: { elevated: { enabled: false }, deny: ['browser'] },
          discovery: { mdns: { mode: 'off' } },
          agents: { defaults: { sandbox: { mode: 'all' } } },
        },
      },
    },
    {
      strategies: { 'spec.config.tools.deny': 'append' },
      locks: [
        'spec.network',
        'spec.config.gateway.auth',
        'spec.config.gateway.bind',
        'spec.config.tools.elevated',
        'spec.config.agents.defaults.sandbox.mode',
        'spec.config.channels.*.dmPolicy',
      ],
    },
  ),
  layer('overlay', 'winter', {
    metadata: { labels: { campaign: 'winter' } },
    spec: {
      channels: [{ type: 'whatsapp', enabled: false }],
      config: {
        logging: { level: 'debug' },
        agents: {
          defaults: { models: { 'some/model': { params: { temperature: 0.4 } } }, model: { primary: 'other/model' } },
        },
      },
    },
  }),
];

const instanceOf = (index: number): Layer =>
  layer('instance', `bot-${index}`, {
    apiVersion: 'molthub/v1',
    kind: 'MoltbotInstance',
    metadata: { name: `bot-${index}`, labels: { owner: `team-${index % 100}`, tier: 'gold' } },
    spec: {
      runtime: { memory: 1_024 + (index % 4) * 256, env: { LANG: 'de_DE.UTF-8' } },
      channels: [{ type: 'telegram', enabled: index % 2 === 0 }],
      config: {
        logging: { level: 'info' },
        channels: { telegram: { accounts: { main: { allowFrom: [`${index}`] }, second: null } } },
        agents: { defaults: { model: { fallbacks: ['third/model'] } } },
      },
    },
  });
