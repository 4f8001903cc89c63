// A thread of services on which no caller waits. The program starts it and asks it questions, see thread.ts.
import { parentPort } from 'node:worker_threads';
import { createLogger, createMetrics } from '@molthub/telemetry';
import { type Hosted, startHosted } from './hosted.ts';
import type { Asked, Said } from './thread.ts';

const port = parentPort;
if (!port) throw new Error('This is no program of its own: `molthub up` starts it as a thread.');
const metrics = createMetrics();
let hosted: Hosted | undefined;

const answerTo = async (asked: Asked): Promise<Omit<Said, 'id'>> => {
  if (asked.what === 'start') {
    const { names, given } = asked;
    const { settings, addresses } = given;
    const logger = createLogger('molthub', settings.logLevel);
    hosted = await startHosted(names, { settings, addresses, logger, metrics });
    return { otlpUrl: hosted.otlpUrl };
  }
  if (asked.what === 'readiness') return { parts: (await hosted?.readiness()) ?? [] };
  if (asked.what === 'metrics') return { snapshot: await metrics.snapshot() };
  await hosted?.stop();
  return {};
};

const answer = async (asked: Asked): Promise<void> => {
  const { id } = asked;
  try {
    port.postMessage({ id, ...(await answerTo(asked)) } satisfies Said);
  } catch (error) {
    port.postMessage({ id, error: error instanceof Error ? error.message : String(error) } satisfies Said);
  }
};
port.on('message', (asked: Asked) => void answer(asked));
