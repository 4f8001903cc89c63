// Where a click leads: a bot to its dashboard, a trace to its waterfall. Times and workspace go along.
import { jaeger } from './datasources.ts';

export type Link = { readonly title: string; readonly url: string };

export const botUid = 'molthub-bot';
export const tracesUid = 'molthub-traces';

/** From a row that has the bot's id in the column `bot_id`. */
export const toBot: Link = {
  title: 'This bot',
  url: `/d/${botUid}?var-workspace=\${workspace:percentencode}&var-bot=\${__data.fields.bot_id}&\${__url_time_range}`,
};

/** From a row that has the fleet's id in the column `fleet_id`. */
export const toFleet: Link = {
  title: 'Traces and cost of this fleet',
  url: `/d/${tracesUid}?var-workspace=\${workspace:percentencode}&var-fleet=\${__data.fields.fleet_id}&\${__url_time_range}`,
};

/** Explore takes the state of its panes as JSON in the address; Grafana fills in what stands in `${…}`. */
const pane = {
  trace: {
    datasource: jaeger.uid,
    queries: [{ refId: 'A', datasource: jaeger, query: 'TRACE' }],
    range: { from: 'FROM', to: 'TO' },
  },
};
const filled = { TRACE: '__value.raw', FROM: '__from', TO: '__to' } as const;

/** From a cell that holds a trace id. */
export const toTrace: Link = {
  title: 'Waterfall',
  url: Object.entries(filled).reduce(
    (url, [word, value]) => url.replace(`%22${word}%22`, `%22\${${value}}%22`),
    `/explore?schemaVersion=1&panes=${encodeURIComponent(JSON.stringify(pane))}`,
  ),
};
