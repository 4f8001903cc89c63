export { type Asked, type Chosen, expand } from './expand.ts';
export { type PanelQuery, panelQueries, type Variable, variableQueries } from './panel-queries.ts';
export { everyId } from './scope.ts';
