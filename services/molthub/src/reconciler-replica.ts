// The reconciler as a process of its own, to be killed and frozen: prints `ready`, stops when its input ends.
import { reconcilerService } from '@molthub/reconciler-service';
import { startTestService } from '@molthub/service/testing';
import { z } from 'zod';

const Settings = z.object({
  databaseUrl: z.string(),
  natsUrl: z.string(),
  home: z.string(),
  leaseDurations: z.object({ lengthMs: z.number(), renewEveryMs: z.number(), tryEveryMs: z.number() }),
});

const { home, ...settings } = Settings.parse(JSON.parse(process.argv[2] ?? '{}'));
const service = reconcilerService({ home, otlpUrl: null, machineEnv: {}, pollMs: 200 });
const running = await startTestService(service, settings);
process.stdin.on('end', () => void running.stop().then(() => process.exit(0))).resume();
process.stdout.write('ready\n');
