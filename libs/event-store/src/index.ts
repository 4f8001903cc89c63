export type { Migration } from './migration.ts';
export { type Handler, type Projection, projection, when } from './projection.ts';
export type { Reads, Sql } from './sql.ts';
