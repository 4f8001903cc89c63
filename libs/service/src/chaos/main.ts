// The sample services as a process of their own, to be killed and frozen: prints `ready`, stops when its input ends.
import { createLogger, createMetrics } from '@molthub/telemetry';
import { sampleConfig, sampleHealth } from '../sample-services.ts';
import { startService } from '../start.ts';
import { SampleArguments } from './sample-process.ts';

const { level, ...settings } = SampleArguments.parse(JSON.parse(process.argv[2] ?? '{}'));
const logger = createLogger('sample', level);
const metrics = createMetrics();
const services = [
  await startService(sampleConfig, { ...settings, logger, metrics }),
  await startService(sampleHealth(), { ...settings, logger, metrics }),
];
const stop = async () => {
  await Promise.all(services.map((service) => service.stop()));
  process.exit(0);
};
process.stdin.on('end', () => void stop()).resume();
process.stdout.write('ready\n');
