// Asks policy again about proposals that had no verdict for long: an operator may have dropped the question or the answer.
import { setTimeout as pause } from 'node:timers/promises';
import { AskAgain } from '@molthub/contracts';
import { derivedId } from '@molthub/identity';
import { isUnanswered, type Job, type Runtime } from '@molthub/service';
import { z } from 'zod';
import { carryOut, type Step } from '../layers/jobs.ts';

const batchMax = 500;
const parallelMax = 32;

const Awaited = z.object({ workspace: z.string(), botId: z.uuid(), proposalId: z.uuid(), asks: z.int() });

const unanswered = `select workspace, bot_id as "botId", proposal_id as "proposalId", asks from verdicts_awaited
  where ${isUnanswered({ askedAt: 'asked_at', asks: 'asks', now: '$1' })} order by asked_at limit ${batchMax}`;

const ask = async (runtime: Runtime, signal: AbortSignal): Promise<void> => {
  const rows = await runtime.reads(unanswered, [runtime.now().toISOString()]);
  const step: Step<z.infer<typeof Awaited>> = ({ workspace, asks, botId, proposalId }) => {
    const asked = asks + 1;
    const id = derivedId(proposalId, `asked ${asked}`);
    return runtime.execute(AskAgain, { botId, proposalId, asked }, { workspace, id, causationId: proposalId });
  };
  await carryOut(z.array(Awaited).parse(rows), parallelMax, step, { runtime, signal, what: 'Asking policy again' });
};

/** `everyMs`: how often it looks. */
export const askAgain = (everyMs: number): Job => ({
  name: 'ask-again',
  single: true,
  run: async (runtime, signal) => {
    while (!signal.aborted) {
      await ask(runtime, signal);
      await pause(everyMs, undefined, { signal });
    }
  },
});
