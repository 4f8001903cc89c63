import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { incompatibilities } from './compatibility.ts';
import { eventSchema } from './json-schema.ts';
import { defineEvent, openList } from './message.ts';

const schemaOf = (data: z.ZodType) => eventSchema(defineEvent('config.thing.changed.v1', 'A thing changed.', data));
const between = (before: z.ZodType, after: z.ZodType) => incompatibilities(schemaOf(before), schemaOf(after));

const base = z.object({ id: z.uuid(), count: z.int().min(1).max(10), note: z.string().optional() });

describe('an old reader can go on', () => {
  const harmless: readonly (readonly [string, z.ZodType, z.ZodType])[] = [
    ['where nothing changed', base, base],
    ['where a field was added, required or not', base, base.extend({ more: z.string(), even: z.int().optional() })],
    [
      'where a field was added to an object that its writer keeps closed',
      z.strictObject({}),
      z.strictObject({ a: z.int() }),
    ],
    ['where an optional field became required', base, base.required()],
    ['where a limit became narrower', base, base.extend({ count: z.int().min(2).max(9) })],
    [
      'where one of several values is used no more',
      z.object({ a: z.enum(['x', 'y']) }),
      z.object({ a: z.enum(['x']) }),
    ],
    [
      'where an open list grew',
      z.object({ a: z.enum(['x']).meta(openList) }),
      z.object({ a: z.enum(['x', 'y']).meta(openList) }),
    ],
    ['where null is written no more', z.object({ a: z.string().nullable() }), z.object({ a: z.string() })],
    ['where any JSON stands', z.object({ a: z.json() }), z.object({ a: z.json() })],
  ];
  test.each(harmless)('%s', (_, before, after) => expect(between(before, after)).toEqual([]));
});

describe('an old reader would stumble', () => {
  const harmful: readonly (readonly [string, z.ZodType, z.ZodType, string])[] = [
    ['where a field was removed', base, base.omit({ count: true }), 'count: was removed'],
    ['where a field became optional', base, base.partial({ count: true }), 'count: became optional'],
    ['where a type changed', base, base.extend({ count: z.string() }), 'count: was of type integer'],
    [
      'where null came in',
      base,
      base.extend({ count: z.int().min(1).max(10).nullable() }),
      'count: was of type integer',
    ],
    ['where a limit became wider', base, base.extend({ count: z.int().min(1).max(11) }), 'count: its maximum was 10'],
    ['where a form is not kept any more', base, base.extend({ id: z.string() }), 'id: its pattern changed'],
    [
      'where a closed list grew',
      z.object({ a: z.enum(['x']) }),
      z.object({ a: z.enum(['x', 'y']) }),
      'a: "y" was not among its values',
    ],
    [
      'where it is deep in a list',
      z.object({ list: z.array(z.object({ a: z.int() })) }),
      z.object({ list: z.array(z.object({ a: z.boolean() })) }),
      'list[].a: was of type integer',
    ],
    [
      'where a record holds other values',
      z.object({ tags: z.record(z.string(), z.string()) }),
      z.object({ tags: z.record(z.string(), z.int()) }),
      'tags[]: was of type string',
    ],
    [
      'where a union got a form',
      z.object({ a: z.union([z.object({ x: z.int() }), z.object({ y: z.int() })]) }),
      z.object({ a: z.union([z.object({ x: z.int() }), z.object({ z: z.int() })]) }),
      'a: form 2 fits none that was released',
    ],
  ];
  test.each(harmful)('%s', (_, before, after, problem) => expect(between(before, after)).toContain(problem));
});
