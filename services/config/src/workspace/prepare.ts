import { Rejected } from '@molthub/decider';
import type { Reads } from '@molthub/event-store';
import type { Prepared } from '@molthub/service';
import type { WorkspaceCommand } from './decider.ts';

/** A workspace is renamed from inside only. Its slug never changes, so reading it early is safe. */
export const prepareWorkspace = async (
  command: WorkspaceCommand,
  reads: Reads,
): Promise<Prepared<WorkspaceCommand>> => {
  if (command.type === 'config.workspace.create.v1') return { command };
  const found = await reads('select 1 from workspaces where id = $1 and workspace = $2', [
    command.data.workspaceId,
    command.workspace,
  ]);
  if (found.length === 0) throw new Rejected('config.workspace-not-found', 'There is no such workspace.');
  return { command };
};
