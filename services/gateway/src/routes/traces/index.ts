// Everything that can be asked about traces.
import type { Route } from '../../route.ts';
import { compareRoute } from './compare.ts';
import { exportRoute } from './export.ts';
import { listRoutes } from './list.ts';
import { manualRoutes } from './manual.ts';
import { searchRoute } from './search.ts';
import { signalsRoute } from './signals.ts';
import { statsRoute } from './stats.ts';
import { treeRoutes } from './tree.ts';

export const traceRoutes: readonly Route[] = [
  ...listRoutes,
  searchRoute,
  compareRoute,
  statsRoute,
  signalsRoute,
  exportRoute,
  ...manualRoutes,
  ...treeRoutes,
];
