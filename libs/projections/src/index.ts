export { cancelRebuild, RebuildCancelled, type RebuildProgress, RebuildRunning, rebuild } from './rebuild.ts';
export { serveProjections } from './serve.ts';
