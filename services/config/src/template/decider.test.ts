import type { CommandOf, CreateTemplate, UpdateTemplate } from '@molthub/contracts';
import { specification } from '@molthub/decider/testing';
import { describe, test } from 'vitest';
import { type TemplateCommand, type TemplateFact, templates } from './decider.ts';

const templateId = '00000000-0000-4000-8000-000000000001';
const envelope = {
  id: '00000000-0000-4000-8000-00000000000c',
  workspace: 'acme',
  actor: { kind: 'user', id: 'u', name: 'Ada' },
  correlationId: 'c',
  causationId: null,
  time: '2026-11-21T10:00:00.000Z',
  records: true,
} as const;
const care = {
  templateId,
  name: 'care-bot',
  description: '',
  category: 'custom',
  engine: null,
  configurableFields: [],
  requiredSecrets: [],
  manifest: { spec: { config: { logging: { level: 'warn' } } } },
} satisfies CommandOf<typeof CreateTemplate>['data'];
const create: TemplateCommand = { ...envelope, type: 'config.template.create.v1', data: care };
const update = (more: Partial<CommandOf<typeof UpdateTemplate>['data']>): TemplateCommand => ({
  ...envelope,
  type: 'config.template.update.v1',
  data: { templateId, ...more },
});
const remove = (usedBy: readonly string[] = [], expectedVersion?: number): TemplateCommand => ({
  ...envelope,
  type: 'config.template.delete.v1',
  data: { templateId, ...(expectedVersion ? { expectedVersion } : {}) },
  usedBy,
});
const created: TemplateFact = { type: 'config.template.created.v1', data: care };
const deleted: TemplateFact = { type: 'config.template.deleted.v1', data: { templateId, name: 'care-bot' } };
const told = (change: 'created' | 'updated' | 'deleted', version: number) => ({
  type: 'config.layers.changed.v1' as const,
  stream: 'layers-acme',
  data: { layer: { kind: 'template' as const, id: templateId, name: 'care-bot', version }, change },
});
const { given } = specification(templates);

describe('a template', () => {
  test('is created once', () => {
    given().when(create).then(created, told('created', 1));
    given(created).when(create).rejects('config.template-exists');
  });
  test('is told whole when a part of it changes, and not when none does', () => {
    given(created)
      .when(update({ description: 'Care' }))
      .then({ type: 'config.template.updated.v1', data: { ...care, description: 'Care' } }, told('updated', 2));
    given(created)
      .when(update({ description: '' }))
      .thenNothing();
  });
  test('stays while bots are built from it', () => {
    given(created)
      .when(remove(['anna']))
      .rejects('config.template-in-use');
    given(created).when(remove()).then(deleted, told('deleted', 2));
  });
  test('is changed and deleted only as its reader knew it, and where it is', () => {
    given(created)
      .when(update({ description: 'Care', expectedVersion: 2 }))
      .rejects('config.version-mismatch');
    given(created).when(remove([], 2)).rejects('config.version-mismatch');
    given().when(remove()).rejects('config.template-not-found');
    given(created, deleted)
      .when(update({ description: 'Care' }))
      .rejects('config.template-not-found');
  });
});
