import { Manifest, type Violation } from '@molthub/contracts';
import { resolve } from '@molthub/manifest';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { builtinPacks } from './builtin-packs.ts';
import { judging } from './evaluate.ts';
import { fixOf, patched } from './fix.ts';
import { atOnce } from './gently.ts';
import { compiling } from './pack.ts';

const place = { workspace: 'default', fleetName: 'support', environment: 'prod' } as const;
const openclaw = (config: unknown, spec: Record<string, unknown> = {}): Manifest =>
  Manifest.parse({
    apiVersion: 'molthub/v1',
    kind: 'MoltbotInstance',
    metadata: { name: 'anna' },
    spec: { runtime: { engine: 'openclaw', version: '2026.9.6' }, target: { kind: 'local' }, config, ...spec },
  });
const compiled = builtinPacks.map((pack) => atOnce(compiling(pack)));
const found = (manifest: Manifest): readonly Violation[] => {
  const context = { environment: 'prod', point: 'plan' } as const;
  const { violations, warnings } = atOnce(judging(compiled, resolve(manifest, place), context));
  return [...violations, ...warnings];
};
const fix = (manifest: Manifest) => fixOf(manifest, resolve(manifest, place), found(manifest));
const finding = (path: string, more: Partial<Violation> = {}): Violation => ({
  packId: 'p',
  ruleId: 'r',
  severity: 'ERROR',
  path,
  message: '',
  currentValue: null,
  suggestedValue: null,
  suggestion: 'write',
  ...more,
});

describe('a fix', () => {
  test('is one merge patch that writes, removes, and changes lists as a whole', () => {
    const bot = openclaw({
      gateway: { bind: 'lan', port: 18_790 },
      tools: { allow: ['read', 'op', 'browser', 'bw'] },
      channels: { telegram: { dmPolicy: 'open' } },
    });
    const { patch, fixed } = fix(bot);
    expect(patch).toMatchObject({
      spec: {
        config: {
          gateway: { bind: 'loopback', port: null },
          tools: { allow: ['read', 'browser'] },
          channels: { telegram: { dmPolicy: 'pairing' } },
        },
      },
    });
    const left = found(Manifest.parse(patched(bot, patch))).map(({ path }) => path);
    for (const { path } of fixed) expect(left).not.toContain(path);
  });
  test('writes nothing where nothing can be written without a person', () => {
    const secret = openclaw({ hooks: { token: 'correct horse' } });
    expect(found(secret).map(({ ruleId }) => ruleId)).toContain('secrets-by-reference');
    expect(JSON.stringify(fix(secret).patch)).not.toContain('NAME_OF_THE_SECRET');
    const nothing = { ...finding('spec.config.a'), suggestion: undefined };
    const { suggestion: _, ...without } = nothing;
    expect(fixOf(openclaw({}), openclaw({}), [without])).toEqual({ patch: null, fixed: [] });
  });
  test('leaves what is waived or overridden', () => {
    const bot = openclaw({ a: 1 });
    const waivedBy = {
      waiverId: '5b7c1d0e-8f5d-4a7e-9a56-1f2a3b4c5d6e',
      owner: 'a',
      expiresAt: '2027-01-01T00:00:00Z',
    };
    const write = { suggestedValue: 2 };
    for (const more of [{ waivedBy }, { overrideReason: 'ours' }]) {
      expect(fixOf(bot, bot, [finding('spec.config.a', { ...write, ...more })]).patch).toBeNull();
    }
    expect(fixOf(bot, bot, [finding('spec.config.a', write)]).patch).toEqual({ spec: { config: { a: 2 } } });
  });
  test('writes a section that only secure defaults have whole, so that it is one', () => {
    const bot = openclaw({});
    const path = 'spec.network.egressPreset';
    const { patch } = fixOf(bot, resolve(bot, place), [finding(path, { suggestedValue: 'NONE' })]);
    expect(patch).toEqual({ spec: { network: { inbound: 'NONE', egressPreset: 'NONE' } } });
  });
  test('takes nothing away that the manifest does not say', () => {
    const bot = openclaw({});
    const remove = { suggestion: 'remove' } as const;
    for (const path of [
      'spec.config.discovery.mdns.mode',
      'spec.channels[3]',
      'spec.config.x[0]',
      'spec.config.a…',
      '',
    ]) {
      expect(fixOf(bot, resolve(bot, place), [finding(path, remove)]).patch).toBeNull();
    }
  });
  test('takes items from a list from its end, so that none is moved before its turn', () => {
    const bot = openclaw({ list: ['a', 'b', 'c', ...Array.from({ length: 9 }, () => 'x')] });
    const at = (index: number) => finding(`spec.config.list[${index}]`, { suggestion: 'remove' });
    const { patch } = fixOf(bot, bot, [at(0), at(2), at(11), at(10)]);
    expect(patch).toEqual({ spec: { config: { list: ['b', ...Array.from({ length: 7 }, () => 'x')] } } });
  });
});

describe('a fix of a bot with layers', () => {
  const remove = { suggestion: 'remove' } as const;
  const fixed = (own: Manifest, layered: Manifest, ...findings: readonly Violation[]) =>
    fixOf(own, resolve(layered, place), findings).patch;

  test('takes the item that was found from a list that layers added to, wherever it is', () => {
    const own = openclaw({ list: [{ name: 'good' }, { name: 'bad' }] });
    const layered = openclaw({ list: [{ name: 'layers' }, { name: 'good' }, { name: 'bad' }] });
    expect(fixed(own, layered, finding('spec.config.list[2]', remove))).toEqual({
      spec: { config: { list: [{ name: 'good' }] } },
    });
    expect(fixed(own, layered, finding('spec.config.list[2].name', { suggestedValue: 'x' }))).toEqual({
      spec: { config: { list: [{ name: 'good' }, { name: 'x' }] } },
    });
  });
  test('leaves an item that a layer says, or may say', () => {
    const own = openclaw({ list: ['good', 'bad'] });
    const first = finding('spec.config.list[0]', remove);
    for (const list of [
      ['layers', 'good', 'bad'],
      ['bad', 'good', 'bad'],
    ]) {
      expect(fixed(own, openclaw({ list }), first)).toBeNull();
      expect(fixed(own, openclaw({ list }), { ...first, path: 'spec.config.list[7]' })).toBeNull();
    }
    const part = openclaw({ list: [{ name: 'a', said: 'below', bad: 1 }] });
    const inItem = finding('spec.config.list[0].bad', remove);
    expect(fixed(openclaw({ list: [{ name: 'a', bad: 1 }] }), part, inItem)).toBeNull();
  });
  test('makes no list or section of what only layers have', () => {
    const layered = openclaw({ list: [{ bad: 1 }], section: { bad: 1, other: 2 } });
    const write = { suggestedValue: 0 };
    expect(fixed(openclaw({}), layered, finding('spec.config.list[0].bad', write))).toBeNull();
    expect(fixed(openclaw({}), layered, finding('spec.config.section.bad', remove))).toBeNull();
    expect(fixed(openclaw({}), layered, finding('spec.config.section.bad', write))).toEqual({
      spec: { config: { section: { bad: 0 } } },
    });
  });
  test('pins nothing else of a section, and leaves one that is there whole or not at all', () => {
    const network = { inbound: 'WEBHOOK', egressPreset: 'DEFAULT' };
    const layered = openclaw({}, { network, observability: { tracing: true, logLevel: 'debug' } });
    const egress = finding('spec.network.egressPreset', { suggestedValue: 'NONE' });
    const level = finding('spec.observability.logLevel', { suggestedValue: 'info' });
    expect(fixed(openclaw({}), layered, egress)).toBeNull();
    expect(fixed(openclaw({}), layered, egress, level)).toEqual({ spec: { observability: { logLevel: 'info' } } });
    expect(fixed(openclaw({}, { network: { ...network, inbound: 'NONE' } }), layered, egress)).toEqual({
      spec: { network: { egressPreset: 'NONE' } },
    });
  });
  test('leaves a section or a list that a layer says a part of, where it is about all of it', () => {
    const own = openclaw({ section: { a: 1 }, list: ['a', 'b'] });
    const layered = openclaw({ section: { a: 1, b: 2 }, list: ['x', 'a', 'b'] });
    expect(fixed(own, layered, finding('spec.config.section', remove))).toBeNull();
    const list = finding('spec.config.list', { suggestedValue: ['x', 'a'] });
    expect(fixed(own, layered, list)).toBeNull();
    expect(fixed(own, own, list)).toEqual({ spec: { config: { list: ['x', 'a'] } } });
  });
  test('leaves what deletes or replaces what layers say', () => {
    const layered = openclaw({ b: { c: 1 } });
    for (const own of [
      openclaw({ a: null, b: { $value: { c: 1 } } }),
      openclaw({ a: null, b: { $replace: true, c: 1 } }),
    ]) {
      const write = { suggestedValue: 2 };
      expect(fixed(own, layered, finding('spec.config.a.x', write), finding('spec.config.b.c', write))).toBeNull();
    }
  });
  test('changes an item before it is taken away, and no other in its place', () => {
    const bot = openclaw({ list: [{ a: 1 }, { a: 2 }, { a: 3 }] });
    const item = finding('spec.config.list[1]', remove);
    const below = finding('spec.config.list[1].a', { suggestedValue: 0 });
    for (const findings of [
      [item, below],
      [below, item],
    ]) {
      expect(fixOf(bot, bot, findings).patch).toEqual({ spec: { config: { list: [{ a: 1 }, { a: 3 }] } } });
    }
  });
});

test('a patched manifest is the edited one, whatever is written where', () => {
  const key = fc.constantFrom('a', 'b', 'c');
  const leaf = fc.oneof(fc.integer(), fc.boolean(), fc.array(fc.integer(), { maxLength: 3 }));
  const config = fc.dictionary(key, fc.oneof(leaf, fc.dictionary(key, leaf)));
  const path = fc.array(key, { minLength: 1, maxLength: 3 }).map((keys) => `spec.config.${keys.join('.')}`);
  fc.assert(
    fc.property(config, fc.array(fc.tuple(path, fc.option(fc.integer())), { maxLength: 5 }), (given, edits) => {
      const bot = openclaw(given);
      const findings = edits.map(([at, value]) =>
        value === null ? finding(at, { suggestion: 'remove' }) : finding(at, { suggestedValue: value }),
      );
      const { patch, fixed } = fixOf(bot, bot, findings);
      if (patch === null) {
        expect(fixed).toEqual([]);
        return;
      }
      const after = patched(bot, patch);
      // Applied again it changes nothing.
      expect(patched(after, patch)).toEqual(after);
      expect(Manifest.safeParse(after).success).toBe(true);
    }),
  );
});
