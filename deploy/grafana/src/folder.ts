import { join } from 'node:path';

/** Where the dashboards are, as Grafana's file provider finds them. */
export const folder = join(import.meta.dirname, '../dashboards');
