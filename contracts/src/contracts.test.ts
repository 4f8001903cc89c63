import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { incompatibilities } from './compatibility.ts';
import { generate, ownsGenerated } from './generate.ts';
import { staleFiles } from './generated-files.ts';
import { eventSchema } from './json-schema.ts';
import { services } from './message.ts';
import { allows, type Permission, permissions, roles, Scope } from './permission.ts';
import { commandDefinition, commands, eventDefinition, events, readModels } from './registry.ts';
import { generatedFolder, hashOfSample, readReleased, readSamples, releasedFolder } from './samples.ts';

const samples = await readSamples();
const released = await readReleased();
const typeName = new RegExp(`^(?:${services.join('|')})(?:\\.[a-z][a-z0-9]*(?:-[a-z0-9]+)*){2}\\.v[1-9]\\d*$`);
const parsed = (type: string): unknown => JSON.parse(samples.get(type) ?? 'null');

describe('names', () => {
  test('of events and commands are <service>.<entity>.<verb>.v<major>, and each is used once', () => {
    const types = [...events, ...commands].map(({ type }) => type);
    expect(types.filter((type) => !typeName.test(type))).toEqual([]);
    expect(new Set(types).size).toBe(types.length);
  });
  test('of read models are used once, and their columns are words of SQL', () => {
    const names = readModels.map(({ service, name }) => `${service}.${name}`);
    expect(new Set(names).size).toBe(names.length);
    const columns = readModels.flatMap(({ row }) => Object.keys(row.shape));
    expect(columns.filter((column) => !/^[a-z][a-z0-9_]*$/.test(column))).toEqual([]);
  });
  test('find their definitions, and unknown ones find none', () => {
    for (const event of events) expect(eventDefinition(event.type)).toBe(event);
    for (const command of commands) expect(commandDefinition(command.type)).toBe(command);
    expect(eventDefinition('config.fleet.created.v2')).toBeUndefined();
  });
});

describe('golden samples', () => {
  test('exist once for every event and for nothing else', () => {
    const types = events.map(({ type }) => type);
    expect([...samples.keys()].toSorted()).toEqual(types.toSorted());
  });
  test.each(events.map((event) => [event.type, event] as const))('%s reads as it was written', (type, event) => {
    expect(JSON.parse(JSON.stringify(event.data.parse(parsed(type))))).toStrictEqual(parsed(type));
  });
  test.each(events.map((event) => [event.type, event] as const))('%s fits its JSON Schema', (type, event) => {
    const ajv = new Ajv2020({ strict: true, strictTypes: false, keywords: ['x-open'] });
    addFormats.default(ajv);
    const validate = ajv.compile({ ...eventSchema(event) });
    validate(parsed(type));
    expect(validate.errors).toBeNull();
  });
});

describe('what was released', () => {
  test('still exists', () => {
    expect(Object.keys(released).filter((type) => !eventDefinition(type))).toEqual([]);
  });
  test('has samples that nobody edited', () => {
    const edited = Object.entries(released).filter(([type, hash]) => hashOfSample(samples.get(type) ?? '') !== hash);
    expect(edited.map(([type]) => type)).toEqual([]);
  });
  test('can be read by whoever could read it then; else it is a new major version', async () => {
    const Schema = z.record(z.string(), z.unknown());
    const broken = Object.keys(released).map(async (type) => {
      const before = Schema.parse(JSON.parse(await readFile(join(releasedFolder, `${type}.json`), 'utf8')));
      const event = eventDefinition(type);
      return event ? incompatibilities(before, eventSchema(event)).map((problem) => `${type} ${problem}`) : [];
    });
    expect((await Promise.all(broken)).flat()).toEqual([]);
  });
});

test('the generated files are those of these contracts; else run `node contracts/src/generate.ts`', async () => {
  expect(await staleFiles(generatedFolder, await generate(), ownsGenerated)).toEqual([]);
});

describe('the permission table', () => {
  const isPermission = (name: string): name is Permission => Object.hasOwn(permissions, name);
  const all = Object.keys(permissions).filter(isPermission);
  test('names resource and verb', () => {
    expect(all.filter((permission) => !/^[a-z]+(?:-[a-z]+)*:[a-z]+(?:-[a-z]+)*$/.test(permission))).toEqual([]);
  });
  test('lets the owner do everything and the viewer change nothing', () => {
    expect(all.filter((permission) => !allows('OWNER', [], permission))).toEqual([]);
    const viewers = all.filter((permission) => allows('VIEWER', [], permission));
    expect(viewers.filter((permission) => !/:(?:read|validate|evaluate)$/.test(permission))).toEqual([]);
  });
  test('lets a higher role do all that a lower one may', () => {
    for (const [index, role] of roles.entries()) {
      for (const lower of roles.slice(index)) {
        expect(all.filter((permission) => allows(lower, [], permission) && !allows(role, [], permission))).toEqual([]);
      }
    }
  });
  test('is narrowed by scopes, never widened', () => {
    for (const role of roles) {
      for (const permission of all) {
        const resource = permission.slice(0, permission.indexOf(':'));
        const may = allows(role, [], permission);
        expect(allows(role, [permission], permission)).toBe(may);
        expect(allows(role, [`${resource}:*`], permission)).toBe(may);
        expect(allows(role, ['no-such:*'], permission)).toBe(false);
      }
    }
  });
  test('knows its scopes', () => {
    expect(all.filter((permission) => !Scope.safeParse(permission).success)).toEqual([]);
    expect(Scope.safeParse('bot:*').success).toBe(true);
    expect(Scope.safeParse('*').success).toBe(false);
    expect(Scope.safeParse('toString:*').success).toBe(false);
  });
});
