export { createLogger, type Logger, type LogLevel, logLevels } from './logger.ts';
export { createMetrics, measureProcess, type Metrics } from './metrics.ts';
