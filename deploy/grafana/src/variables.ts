// The variables above the panels: a workspace, and in it some fleets or bots, or all.
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import { postgres } from './datasources.ts';
import { among, everyId } from './scope.ts';

const ids = (name: string, label: string, query: string) =>
  new dashboard.QueryVariableBuilder(name)
    .label(label)
    .datasource(postgres)
    .query(query)
    .refresh(dashboard.VariableRefresh.OnTimeRangeChanged);

export const workspace = () =>
  ids('workspace', 'Workspace', 'select workspace from config_read.workspaces order by 1').current({
    text: 'default',
    value: 'default',
  });

const all = { text: 'All', value: '$__all' };
const fleetsOf =
  "select name as __text, id as __value from config_read.fleets where workspace = '$workspace' order by 1";
/** More than anybody looks through; any id may be typed, or come with a link. */
const botsMax = 2_000;

export const fleets = () =>
  ids('fleet', 'Fleet', fleetsOf).multi(true).includeAll(true).allValue(`'${everyId}'`).current(all);

export const bot = () =>
  ids(
    'bot',
    'Bot',
    `select name as __text, id as __value from config_read.bots where workspace = '$workspace' order by 1 limit ${botsMax}`,
  );

export const bots = () =>
  ids(
    'bot',
    'Bot',
    `select name as __text, id as __value from config_read.bots
where workspace = '$workspace' and ${among('fleet_id', 'fleet')} order by 1 limit ${botsMax}`,
  )
    .multi(true)
    .includeAll(true)
    .allValue(`'${everyId}'`)
    .current(all);
