// The thread of the services on which no caller waits. The program starts it and asks it questions, see thread.ts.
import { parentPort, workerData } from 'node:worker_threads';
import { createLogger, createMetrics } from '@molthub/telemetry';
import { startHosted } from './hosted.ts';
import type { Asked, Given, Said } from './thread.ts';

const port = parentPort;
if (!port) throw new Error('This is no program of its own: `molthub up` starts it as a thread.');
const { settings, names, addresses }: Given = workerData;
const logger = createLogger('molthub', settings.logLevel);
const metrics = createMetrics();
const hosted = await startHosted(names, { settings, addresses, logger, metrics });

const answerTo = async (what: Asked['what']): Promise<Omit<Said, 'id'>> => {
  try {
    if (what === 'readiness') return { parts: await hosted.readiness() };
    if (what === 'metrics') return { snapshot: await metrics.snapshot() };
    await hosted.stop();
    return {};
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
};

const answer = async ({ id, what }: Asked): Promise<void> => {
  port.postMessage({ id, ...(await answerTo(what)) } satisfies Said);
  // With nothing left to hear, the thread ends.
  if (what === 'stop') port.close();
};
port.on('message', (asked: Asked) => void answer(asked));
port.postMessage({ id: 0, otlpUrl: hosted.otlpUrl } satisfies Said);
