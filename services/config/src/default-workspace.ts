import { once } from 'node:events';
import { CreateWorkspace } from '@molthub/contracts';
import { derivedId } from '@molthub/identity';
import type { Job } from '@molthub/service';

const slug = 'default';

/** The id that a workspace has where nobody chose one: equal on every start, so that it is created once. */
export const workspaceIdOf = (name: string): string => derivedId('workspace', name);

/** Makes the first workspace, once in the life of an installation; every start asks again and changes nothing. */
export const defaultWorkspace: Job = {
  name: 'default-workspace',
  single: true,
  run: async (runtime, signal) => {
    const workspaceId = workspaceIdOf(slug);
    const id = derivedId(workspaceId, 'create');
    const outcome = await runtime.execute(
      CreateWorkspace,
      { workspaceId, slug, name: 'Default' },
      { workspace: slug, id },
    );
    if (outcome.status !== 'DONE') throw new Error(`The workspace "${slug}" could not be created: ${outcome.status}.`);
    if (!signal.aborted) await once(signal, 'abort');
  },
};
