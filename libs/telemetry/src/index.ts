export { createLogger, type Logger, type LogLevel, logLevels } from './logger.ts';
export { createMetrics, type Metrics } from './metrics.ts';
