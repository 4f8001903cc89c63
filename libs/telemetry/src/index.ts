export { createLogger, type Logger, type LogLevel, logLevels } from './logger.ts';
export { createMetrics, measureProcess, type Metrics, type MetricsSnapshot } from './metrics.ts';
