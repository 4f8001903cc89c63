import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { jaeger, postgres } from './datasources.ts';

const read = async (name: string): Promise<unknown> =>
  parse(await readFile(join(import.meta.dirname, '../provisioning', name), 'utf8'));
const Datasources = z.object({
  datasources: z.array(
    z.object({
      uid: z.string(),
      type: z.string(),
      user: z.string().optional(),
      jsonData: z.record(z.string(), z.unknown()),
      secureJsonData: z.record(z.string(), z.string()),
    }),
  ),
});

describe('datasources', async () => {
  const { datasources } = Datasources.parse(await read('datasources/molthub.yaml'));

  test('are those that dashboards name', () => {
    expect(datasources.map(({ uid, type }) => ({ uid, type }))).toEqual([postgres, jaeger].map((of) => ({ ...of })));
  });

  test('Postgres is read as the role that sees published views only, and minutes are its shortest interval', () => {
    const [first] = datasources;
    expect(first).toMatchObject({ user: 'molthub_reader', jsonData: { timeInterval: '1m' } });
  });

  test('hold no secret, only the names of variables', () => {
    for (const { secureJsonData } of datasources) {
      for (const value of Object.values(secureJsonData)) expect(value).toMatch(/^(?:Bearer )?\$MOLTHUB_[A-Z_]+$/);
    }
  });
});

test('nobody can change in Grafana what the next start would undo', async () => {
  expect(await read('dashboards/molthub.yaml')).toMatchObject({ providers: [{ type: 'file', allowUiUpdates: false }] });
});
