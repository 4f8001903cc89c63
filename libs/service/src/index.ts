export * from './asking.ts';
export * from './definition.ts';
export type { Execution, Runtime } from './runtime.ts';
export { type RunningService, type ServiceSettings, startService } from './start.ts';
