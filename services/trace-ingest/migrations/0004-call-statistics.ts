// What Postgres has to know to plan a query of calls by their type.
import type { Migration } from '@molthub/event-store';
import { spanTypes } from './0002-span-rows.ts';

/** The view shows a type by its name, and of an expression Postgres knows only what it is told to look at. */
const typeName = `(array['${spanTypes.join("','")}'])[type + 1]`;

export const callStatistics: Migration = {
  name: '0004-call-statistics',
  sql: `
create statistics call_minutes_by_type on (${typeName}) from call_minutes;
create statistics call_hours_by_type on (${typeName}) from call_hours;
`,
};
