// Panels as the dashboards need them: a title, a size, SQL, and how its columns look.
import * as bargauge from '@grafana/grafana-foundation-sdk/bargauge';
import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog';
import * as common from '@grafana/grafana-foundation-sdk/common';
import type { DynamicConfigValue, Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import * as heatmap from '@grafana/grafana-foundation-sdk/heatmap';
import * as stat from '@grafana/grafana-foundation-sdk/stat';
import * as table from '@grafana/grafana-foundation-sdk/table';
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries';
import { postgres } from './datasources.ts';
import type { Link } from './links.ts';
import { pointsMax } from './rollups.ts';

type Placed = {
  readonly title: string;
  readonly about?: string;
  readonly sql: string;
  /** Of 24 columns. */
  readonly width: number;
  readonly height?: number;
  readonly unit?: string;
  /** How columns look that are not shown as they are; of series, by name. */
  readonly columns?: Readonly<Record<string, Column>>;
};

/** `hidden` columns are there for links. */
export type Column = {
  readonly unit?: string;
  readonly link?: Link;
  readonly hidden?: true;
  readonly widthPx?: number;
  readonly colors?: Readonly<Record<string, Color>>;
};

export type Color = 'green' | 'yellow' | 'orange' | 'red' | 'blue' | 'gray';

/** Words that mean the same wherever they stand. */
export const statusColors: Readonly<Record<string, Color>> = {
  ACTIVE: 'green',
  CONVERGED: 'green',
  COMPLETED: 'green',
  ENDED: 'green',
  HEALTHY: 'green',
  IN_SYNC: 'green',
  OK: 'green',
  RUNNING: 'green',
  SERVING: 'green',
  PROGRESSING: 'blue',
  RECONCILING: 'blue',
  REBUILDING: 'blue',
  DEGRADED: 'orange',
  DRIFTED: 'orange',
  WARNING: 'orange',
  DENIED: 'red',
  ERROR: 'red',
  FAILED: 'red',
  REFUSED: 'red',
  UNHEALTHY: 'red',
};

/** The query of a panel. The library has none for SQL, and takes any object that says it is one. */
const query = (rawSql: string, format: 'table' | 'time_series'): Builder<Dataquery> => ({
  build: () => {
    const target = { refId: 'A', datasource: postgres, rawSql, format, rawQuery: true, editorMode: 'code' };
    return { ...target, _implementsDataqueryVariant: () => undefined };
  },
});

type AnyPanel = Builder<Panel> & {
  title: (title: string) => unknown;
  description: (about: string) => unknown;
  datasource: (of: typeof postgres) => unknown;
  maxDataPoints: (points: number) => unknown;
  withTarget: (target: Builder<Dataquery>) => unknown;
  span: (columns: number) => unknown;
  height: (rows: number) => unknown;
  unit: (unit: string) => unknown;
  overrideByName: (name: string, properties: DynamicConfigValue[]) => unknown;
};

const placed = <P extends AnyPanel>(panel: P, what: Placed, format: 'table' | 'time_series', rows: number): P => {
  panel.title(what.title);
  if (what.about !== undefined) panel.description(what.about);
  if (what.unit !== undefined) panel.unit(what.unit);
  panel.datasource(postgres);
  panel.maxDataPoints(pointsMax);
  panel.withTarget(query(what.sql, format));
  panel.span(what.width);
  panel.height(what.height ?? rows);
  for (const [name, column] of Object.entries(what.columns ?? {})) panel.overrideByName(name, propertiesOf(column));
  return panel;
};

const below = () =>
  new common.VizLegendOptionsBuilder()
    .showLegend(true)
    .displayMode(common.LegendDisplayMode.List)
    .placement(common.LegendPlacement.Bottom)
    .calcs([]);
const everySeries = () =>
  new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi).sort(common.SortOrder.Descending);

/** A value over time, as a line: no value is no point. */
export const lines = (what: Placed) =>
  placed(new timeseries.PanelBuilder(), what, 'time_series', 8)
    .drawStyle(common.GraphDrawStyle.Line)
    .lineWidth(1)
    .fillOpacity(8)
    .showPoints(common.VisibilityMode.Auto)
    .min(0)
    .legend(below())
    .tooltip(everySeries());

/** Counts over time, as stacked bars: between two of them there was nothing, which a line would hide. */
export const bars = (what: Placed) =>
  placed(new timeseries.PanelBuilder(), what, 'time_series', 8)
    .drawStyle(common.GraphDrawStyle.Bars)
    .lineWidth(1)
    .fillOpacity(70)
    .barAlignment(common.BarAlignment.After)
    .stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal).group('A'))
    .min(0)
    .legend(below())
    .tooltip(everySeries());

/** The columns of the one row, each as a large number; of a single column with a warning and an alarm from there on. */
export const numbers = (what: Placed & { readonly alarmFrom?: number }) => {
  const panel = placed(new stat.PanelBuilder(), what, 'table', 4)
    .graphMode(common.BigValueGraphMode.None)
    .colorMode(what.alarmFrom === undefined ? common.BigValueColorMode.None : common.BigValueColorMode.Value)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']).fields('/.*/').values(false))
    .noValue('–');
  if (what.alarmFrom === undefined) return panel;
  return panel.thresholds(
    new dashboard.ThresholdsConfigBuilder().mode(dashboard.ThresholdsMode.Absolute).steps([
      { value: null, color: 'green' },
      { value: what.alarmFrom, color: 'red' },
    ]),
  );
};

/** A bar per row, called by its first column. */
export const ranking = (what: Placed) =>
  placed(new bargauge.PanelBuilder(), what, 'table', 8)
    .orientation(common.VizOrientation.Horizontal)
    .displayMode(common.BarGaugeDisplayMode.Basic)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs([]).values(true))
    .min(0);

/** Counts of buckets over time; each series is called by its bucket's upper edge. */
export const buckets = (what: Placed) =>
  placed(new heatmap.PanelBuilder(), what, 'time_series', 8)
    .calculate(false)
    .yAxis(new heatmap.YAxisConfigBuilder().unit('ms').axisPlacement(common.AxisPlacement.Left))
    .hideLegend();

export const rows = (what: Placed) =>
  placed(new table.PanelBuilder(), what, 'table', 8).cellHeight(common.TableCellHeight.Sm).filterable(true);

const propertiesOf = ({ unit, link, hidden, widthPx, colors }: Column): DynamicConfigValue[] => [
  ...(unit === undefined ? [] : [{ id: 'unit', value: unit }]),
  ...(link === undefined ? [] : [{ id: 'links', value: [link] }]),
  ...(hidden === undefined ? [] : [{ id: 'custom.hidden', value: true }]),
  ...(widthPx === undefined ? [] : [{ id: 'custom.width', value: widthPx }]),
  ...(colors === undefined
    ? []
    : [
        { id: 'custom.cellOptions', value: { type: 'color-text' } },
        { id: 'mappings', value: [{ type: 'value', options: mapped(colors) }] },
      ]),
];

const mapped = (colors: Readonly<Record<string, Color>>) =>
  Object.fromEntries(Object.entries(colors).map(([text, color]) => [text, { color, text }]));
