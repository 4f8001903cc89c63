// Commands at a steady rate, as a gateway sends them, and what became of each.
import { randomUUID } from 'node:crypto';
import { CreateFleet, UpdateFleet } from '@molthub/contracts';
import { newId } from '@molthub/identity';
import { openTestCaller } from '../testing.ts';

/** `acknowledged`: the caller was told that it is done. */
export type SentCommand = {
  readonly id: string;
  readonly fleetId: string;
  acknowledged: boolean;
  answer: string;
  waitedMs: number;
};

export type Load = {
  readonly sent: readonly SentCommand[];
  /** Stops sending, waits for the outcomes of what is on its way, and answers all that was sent. */
  readonly stop: () => Promise<readonly SentCommand[]>;
};

const tickMs = 20;

/** Creates `fleets` fleets, then changes them in turn, `perSecond` commands a second. Resolves once all exist. */
export const startLoad = async (settings: {
  readonly natsUrl: string;
  readonly perSecond: number;
  readonly fleets: number;
  /** How long a command may wait for its outcome; longer than the outages of the test. */
  readonly timeoutMs: number;
}): Promise<Load> => {
  const caller = await openTestCaller(settings.natsUrl);
  const sent: SentCommand[] = [];
  const waiting = new Set<Promise<void>>();
  const { timeoutMs } = settings;
  const track = async (fleetId: string, send: (id: string) => ReturnType<typeof caller.send>) => {
    const command: SentCommand = { id: newId(), fleetId, acknowledged: false, answer: '', waitedMs: 0 };
    const began = performance.now();
    sent.push(command);
    const outcome = await send(command.id);
    command.acknowledged = outcome?.status === 'DONE';
    command.waitedMs = performance.now() - began;
    command.answer = JSON.stringify(outcome);
  };
  const fleets = Array.from({ length: settings.fleets }, () => randomUUID());
  await Promise.all(
    fleets.map((fleetId) =>
      track(fleetId, (id) =>
        caller.send(
          CreateFleet,
          { fleetId, name: `f-${fleetId}`, environment: 'dev', description: '', tags: {} },
          { id, timeoutMs },
        ),
      ),
    ),
  );
  const began = Date.now();
  let started = 0;
  const timer = setInterval(() => {
    const due = Math.floor(((Date.now() - began) / 1_000) * settings.perSecond);
    for (; started < due; started += 1) {
      const fleetId = fleets[started % fleets.length] ?? '';
      const one = track(fleetId, (id) =>
        caller.send(UpdateFleet, { fleetId, description: `change ${started}` }, { id, timeoutMs }),
      ).finally(() => waiting.delete(one));
      waiting.add(one);
    }
  }, tickMs);
  return {
    sent,
    stop: async () => {
      clearInterval(timer);
      await Promise.all(waiting);
      await caller.close();
      return sent;
    },
  };
};
