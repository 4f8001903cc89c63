import { childPath } from '@molthub/manifest';
import { z } from 'zod';
import { jsonSchema } from './json-schema.ts';
import { ruleType } from './rule-type.ts';

/** The resolved manifest fits a JSON Schema of 2020-12: bounded in size, without references to anything outside. */
export const customJsonSchema = ruleType({
  type: 'custom_json_schema',
  about: 'The resolved manifest fits a JSON Schema (2020-12).',
  parameters: z.strictObject({
    schema: z
      .record(z.string(), z.json())
      .describe('At most 8 KiB and 60 schemas; $ref leads inside only; patterns are RE2; formats are not checked.'),
  }),
  judge: ({ schema }) => {
    const { problemsOf } = jsonSchema(schema);
    return (resolved) =>
      problemsOf(resolved).map(({ pointer, message }) => {
        const path = pathOf(pointer);
        return {
          path,
          message: `${path || 'The manifest'} ${message}.`,
          currentValue: valueAt(resolved, pointer),
          suggestedValue: null,
        };
      });
  },
});

const stepsOf = (pointer: string): readonly string[] =>
  pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));

const pathOf = (pointer: string): string =>
  stepsOf(pointer).reduce<string>((path, step) => childPath(path, /^\d+$/.test(step) ? Number(step) : step), '');

const valueAt = (root: unknown, pointer: string): unknown =>
  stepsOf(pointer).reduce<unknown>(
    (value, step) =>
      typeof value === 'object' && value !== null
        ? Object.entries(value).find(([key]) => key === step)?.[1]
        : undefined,
    root,
  );
