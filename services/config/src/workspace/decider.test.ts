import { specification } from '@molthub/decider/testing';
import { describe, test } from 'vitest';
import { type WorkspaceCommand, type WorkspaceFact, workspaces } from './decider.ts';

const workspaceId = '00000000-0000-4000-8000-000000000001';
const envelope = {
  id: '00000000-0000-4000-8000-00000000000c',
  workspace: 'acme',
  actor: { kind: 'user', id: 'u', name: 'Ada' },
  correlationId: 'c',
  causationId: null,
  time: '2026-11-21T10:00:00.000Z',
  records: true,
} as const;
const create = (slug = 'acme'): WorkspaceCommand => ({
  ...envelope,
  type: 'config.workspace.create.v1',
  data: { workspaceId, slug, name: 'Acme' },
});
const rename = (name: string, expectedVersion?: number): WorkspaceCommand => ({
  ...envelope,
  type: 'config.workspace.rename.v1',
  data: { workspaceId, name, ...(expectedVersion ? { expectedVersion } : {}) },
});
const created: WorkspaceFact = {
  type: 'config.workspace.created.v1',
  data: { workspaceId, slug: 'acme', name: 'Acme' },
};
const renamed = (name: string): WorkspaceFact => ({ type: 'config.workspace.renamed.v1', data: { workspaceId, name } });
const { given } = specification(workspaces);

describe('workspaces', () => {
  test('a workspace is created', () => given().when(create()).then(created));
  test('creating it again changes nothing', () => given(created).when(create()).thenNothing());
  test('an id is not used for another slug', () =>
    given(created).when(create('other')).rejects('config.workspace-exists'));
  test('the slug of the installation itself is refused', () =>
    given().when(create('system')).rejects('config.workspace-slug-reserved'));
  test('a workspace is renamed', () => given(created).when(rename('New', 1)).then(renamed('New')));
  test('the same name changes nothing', () => given(created).when(rename('Acme')).thenNothing());
  test('a stale version is refused', () =>
    given(created, renamed('New')).when(rename('Newer', 1)).rejects('config.version-mismatch'));
  test('a workspace that is not there cannot be renamed', () =>
    given().when(rename('New')).rejects('config.workspace-not-found'));
});
