export * from './definition.ts';
export type { Execution, Runtime } from './runtime.ts';
