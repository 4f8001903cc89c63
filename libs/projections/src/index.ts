export { type RebuildProgress, rebuild } from './rebuild.ts';
export { serveProjections } from './serve.ts';
