export type { TestDatabase, TestNats, TestPostgres } from './servers.ts';
export { withNats, withPostgres } from './servers.ts';
export { until } from './until.ts';
