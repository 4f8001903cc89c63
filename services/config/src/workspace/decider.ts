// Workspaces: a slug for ever, a name that may change.
import {
  type CommandOf,
  type CreateWorkspace,
  type FactOf,
  platformWorkspace,
  type RenameWorkspace,
  type WorkspaceCreated,
  type WorkspaceRenamed,
} from '@molthub/contracts';
import { type Decider, Rejected, unreachable } from '@molthub/decider';
import { expectVersion } from '../expected-version.ts';

export type WorkspaceCommand = CommandOf<typeof CreateWorkspace> | CommandOf<typeof RenameWorkspace>;
export type WorkspaceFact = FactOf<typeof WorkspaceCreated> | FactOf<typeof WorkspaceRenamed>;

export type WorkspaceState =
  | { readonly kind: 'absent' }
  | { readonly kind: 'exists'; readonly version: number; readonly slug: string; readonly name: string };

export const workspaces: Decider<WorkspaceState, WorkspaceCommand, WorkspaceFact> = {
  initial: { kind: 'absent' },
  decide: (command, state) => {
    switch (command.type) {
      case 'config.workspace.create.v1':
        return create(command, state);
      case 'config.workspace.rename.v1': {
        const { workspaceId, name, expectedVersion } = command.data;
        if (state.kind === 'absent') throw new Rejected('config.workspace-not-found', 'There is no such workspace.');
        expectVersion(expectedVersion, state.version);
        return state.name === name ? [] : [{ type: 'config.workspace.renamed.v1', data: { workspaceId, name } }];
      }
      default:
        return unreachable(command);
    }
  },
  evolve: (state, fact) => {
    switch (fact.type) {
      case 'config.workspace.created.v1':
        return { kind: 'exists', version: 1, slug: fact.data.slug, name: fact.data.name };
      case 'config.workspace.renamed.v1':
        return state.kind === 'absent' ? state : { ...state, version: state.version + 1, name: fact.data.name };
      default:
        return unreachable(fact);
    }
  },
};

const create = ({ data }: CommandOf<typeof CreateWorkspace>, state: WorkspaceState): readonly WorkspaceFact[] => {
  if (data.slug === platformWorkspace) {
    throw new Rejected(
      'config.workspace-slug-reserved',
      `"${data.slug}" names the installation itself; choose another.`,
    );
  }
  if (state.kind === 'absent') return [{ type: 'config.workspace.created.v1', data }];
  if (state.slug === data.slug) return [];
  throw new Rejected('config.workspace-exists', 'A workspace with this id exists already.');
};
