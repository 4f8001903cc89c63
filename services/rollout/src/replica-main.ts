// Rollout as a process of its own, to be killed and frozen: prints `ready`, stops when its input ends.
import { startTestService } from '@molthub/service/testing';
import { ReplicaSettings } from './replica-under-test.ts';
import { rollout } from './service.ts';

const { sweepMs, ...settings } = ReplicaSettings.parse(JSON.parse(process.argv[2] ?? '{}'));
const running = await startTestService(rollout({ sweepMs }), settings);
process.stdin.on('end', () => void running.stop().then(() => process.exit(0))).resume();
process.stdout.write('ready\n');
