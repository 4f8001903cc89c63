// What decisions on change sets rest on, read before they are made.
import type { CommandOf, CompleteChangeSet, FailChangeSet } from '@molthub/contracts';
import { unreachable } from '@molthub/decider';
import type { Reads } from '@molthub/event-store';
import type { Prepared } from '@molthub/service';
import { z } from 'zod';
import { stateOf } from './course/judge-look.ts';
import { countedOf, observe, windowOf } from './course/observe.ts';
import type { ChangeSetCommand, changeSetCommands } from './decider.ts';
import { gatheringOf } from './gathering.ts';
import { creatingOf, lateBackOf, progressOf, releasedBots, startingOf, waitingBots } from './queries.ts';

type Asked = CommandOf<(typeof changeSetCommands)[number]>;

/** An abort that commits first makes a command decide again, so nothing is released, or denied, after it. */
export const unchanged = (changeSetId: string, version: number) => ({ stream: `change-set-${changeSetId}`, version });

const Planned = z.object({ at: z.date() });

/** A bot that is released while it is counted has it counted again: nobody says of it that it was left as it is. */
const counting = async (
  command: CommandOf<typeof CompleteChangeSet | typeof FailChangeSet>,
  reads: Reads,
): Promise<Prepared<ChangeSetCommand>> => {
  const { changeSetId } = command.data;
  const waiting = await waitingBots(changeSetId, reads);
  const counted = await countedOf(changeSetId, reads);
  const expects = waiting.map((botId) => ({ stream: `release-${changeSetId}-${botId}`, version: 0 }));
  return { command: { ...command, counted }, expects };
};

/** `windowLatenessMs`: after its end, a window of traces is summarized and heard of within this time. */
export const prepareChangeSet =
  (windowLatenessMs: number) =>
  async (command: Asked, reads: Reads): Promise<Prepared<ChangeSetCommand>> => {
    switch (command.type) {
      case 'rollout.layers.plan.v1':
        return { command: { ...command, gathering: await gatheringOf(command.data.changeSetId, reads) } };
      case 'rollout.change-set.create.v1': {
        const creating = await creatingOf(command, reads);
        // One that ends meanwhile has ended, and is not superseded any more; one that is planned meanwhile is in the way.
        const expects = [
          ...creating.plans,
          ...creating.conflicts.map(({ changeSetId: id, version }) => unchanged(id, version)),
        ];
        return { command: { ...command, ...creating }, expects };
      }
      case 'rollout.change-set.start.v1': {
        const { fleetStatus, gate } = await startingOf(command.data.changeSetId, reads);
        return { command: { ...command, fleetStatus, window: windowOf(gate, new Date(command.time)) } };
      }
      case 'rollout.change-set.expire.v1': {
        const rows = await reads('select created_at as at from change_sets where id = $1', [command.data.changeSetId]);
        const plannedAtMs = rows[0] ? Planned.parse(rows[0]).at.getTime() : Number.POSITIVE_INFINITY;
        return { command: { ...command, plannedAtMs } };
      }
      case 'rollout.change-set.roll-back.v1':
        return { command: { ...command, releasedBots: await releasedBots(command.data.changeSetId, reads) } };
      case 'rollout.change-set.finish.v1': {
        const { changeSetId } = command.data;
        const [progress, late] = await Promise.all([
          progressOf(changeSetId, reads),
          lateBackOf(changeSetId, new Date(command.time), reads),
        ]);
        return { command: { ...command, progress, late } };
      }
      case 'rollout.change-set.complete.v1':
      case 'rollout.change-set.fail.v1':
        return counting(command, reads);
      case 'rollout.change-set.judge.v1': {
        const { changeSetId, webhook = null } = command.data;
        const state = await stateOf(changeSetId, reads);
        if (state.at !== 'running' || state.run === null) return { command: { ...command, observed: null } };
        const said = webhook?.wave === state.run.wave ? webhook : null;
        const seen = { now: new Date(command.time), windowLatenessMs, webhook: said };
        return { command: { ...command, observed: await observe(changeSetId, state.run, reads, seen) } };
      }
      case 'rollout.release.plan.v1':
      case 'rollout.change-set.approve.v1':
      case 'rollout.change-set.decline.v1':
      case 'rollout.change-set.pause.v1':
      case 'rollout.change-set.resume.v1':
      case 'rollout.change-set.promote.v1':
      case 'rollout.analysis.skip.v1':
      case 'rollout.change-set.abort.v1':
        return { command };
      default:
        return unreachable(command);
    }
  };
