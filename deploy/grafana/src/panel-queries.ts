// The queries of the dashboards as they are written, for whoever runs them without a Grafana.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { folder } from './folder.ts';

/** `columns` are those that the panel names: in links, and to say how they look. */
export type PanelQuery = {
  readonly dashboard: string;
  readonly panel: string;
  readonly kind: string;
  readonly sql: string;
  readonly points: number;
  readonly columns: readonly string[];
};

export type Variable = {
  readonly dashboard: string;
  readonly name: string;
  readonly sql: string;
  readonly all: string | null;
};

const Override = z.object({
  matcher: z.object({ id: z.literal('byName'), options: z.string() }),
  properties: z.array(z.object({ id: z.string(), value: z.unknown() })),
});
const Panel = z.object({
  type: z.string(),
  title: z.string(),
  maxDataPoints: z.int().optional(),
  fieldConfig: z.object({ overrides: z.array(Override) }).optional(),
  targets: z.array(z.object({ rawSql: z.string() })).default([]),
});
const VariableModel = z.object({ name: z.string(), query: z.string(), allValue: z.string().optional() });
const Dashboard = z.object({
  title: z.string(),
  panels: z.array(Panel),
  templating: z.object({ list: z.array(VariableModel) }),
});

const dashboards = async (): Promise<readonly z.infer<typeof Dashboard>[]> => {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.json'));
  return await Promise.all(
    files.map(async (name) => Dashboard.parse(JSON.parse(await readFile(join(folder, name), 'utf8')))),
  );
};

export const panelQueries = async (): Promise<readonly PanelQuery[]> =>
  (await dashboards()).flatMap(({ title: dashboard, panels }) =>
    panels.flatMap(({ title: panel, type: kind, targets, maxDataPoints, fieldConfig }) =>
      targets.map(({ rawSql: sql }) => ({
        dashboard,
        panel,
        kind,
        sql,
        points: maxDataPoints ?? 0,
        columns: named(fieldConfig?.overrides ?? []),
      })),
    ),
  );

const named = (overrides: readonly z.infer<typeof Override>[]): readonly string[] => [
  ...new Set(
    overrides.flatMap(({ matcher, properties }) => [
      matcher.options,
      ...[...JSON.stringify(properties).matchAll(/__data\.fields\.(\w+)/g)].map(([, column = '']) => column),
    ]),
  ),
];

export const variableQueries = async (): Promise<readonly Variable[]> =>
  (await dashboards()).flatMap(({ title: dashboard, templating }) =>
    templating.list.map(({ name, query: sql, allValue }) => ({ dashboard, name, sql, all: allValue ?? null })),
  );
