// Templates: what bots are built from. A template keeps the name that manifests call it by.
import {
  type CommandOf,
  type CreateTemplate,
  type DeleteTemplate,
  type FactOf,
  LayersChanged,
  Template,
  TemplateCreated,
  TemplateDeleted,
  TemplateUpdated,
  type UpdateTemplate,
} from '@molthub/contracts';
import { type Decider, type Placed, Rejected, unreachable } from '@molthub/decider';
import { diff } from '@molthub/manifest';
import { expectVersion } from '../expected-version.ts';
import { layersStream, wanted } from '../layers/layer-change.ts';

export const templateEvents = [TemplateCreated, TemplateUpdated, TemplateDeleted, LayersChanged] as const;
export type TemplateFact = FactOf<(typeof templateEvents)[number]>;

export type TemplateCommand =
  | CommandOf<typeof CreateTemplate>
  | CommandOf<typeof UpdateTemplate>
  /** With the names of bots that are built from it. */
  | (CommandOf<typeof DeleteTemplate> & { readonly usedBy: readonly string[] });

type Existing = { readonly kind: 'exists'; readonly version: number; readonly template: Template };
export type TemplateState = { readonly kind: 'absent' } | Existing | { readonly kind: 'deleted' };

export const templates: Decider<TemplateState, TemplateCommand, TemplateFact> = {
  initial: { kind: 'absent' },
  decide: (command, state) => {
    switch (command.type) {
      case 'config.template.create.v1': {
        if (state.kind !== 'absent') {
          throw new Rejected('config.template-exists', 'A template with this id exists or existed.');
        }
        const created = { type: TemplateCreated.type, data: command.data };
        return [created, changed(command, 'created', command.data.name, 1)];
      }
      case 'config.template.update.v1': {
        const { version, template } = existing(state);
        const { templateId, expectedVersion, ...fields } = command.data;
        expectVersion(expectedVersion, version);
        const after = Template.parse(wanted(template, fields));
        if (diff(template, after).length === 0) return [];
        const updated = { type: TemplateUpdated.type, data: { ...after, templateId } };
        return [updated, changed(command, 'updated', after.name, version + 1)];
      }
      case 'config.template.delete.v1': {
        const { version, template } = existing(state);
        const { templateId, expectedVersion } = command.data;
        expectVersion(expectedVersion, version);
        if (command.usedBy.length > 0) throw inUse(command.usedBy);
        const deleted = { type: TemplateDeleted.type, data: { templateId, name: template.name } };
        return [deleted, changed(command, 'deleted', template.name, version + 1)];
      }
      default:
        return unreachable(command);
    }
  },
  evolve: (state, fact) => {
    switch (fact.type) {
      case 'config.template.created.v1':
      case 'config.template.updated.v1': {
        const { templateId: _, ...template } = fact.data;
        return { kind: 'exists', version: state.kind === 'exists' ? state.version + 1 : 1, template };
      }
      case 'config.template.deleted.v1':
        return { kind: 'deleted' };
      // In the stream of the workspace's layers, not in this one.
      case 'config.layers.changed.v1':
        return state;
      default:
        return unreachable(fact);
    }
  },
};

const existing = (state: TemplateState): Existing => {
  if (state.kind !== 'exists') throw new Rejected('config.template-not-found', 'There is no such template.');
  return state;
};

const inUse = (bots: readonly string[]): Rejected => {
  const message = 'Bots are built from this template; give them another one, or delete them first.';
  const problems = bots.map((bot) => ({
    path: 'spec.template',
    code: 'config.template-in-use',
    message: `Bot ${bot}.`,
  }));
  return new Rejected('config.template-in-use', message, problems);
};

const changed = (
  { workspace, data: { templateId: id } }: TemplateCommand,
  change: FactOf<typeof LayersChanged>['data']['change'],
  name: string,
  version: number,
): Placed<TemplateFact> => ({
  type: LayersChanged.type,
  stream: layersStream(workspace),
  data: { layer: { kind: 'template', id, name, version }, change },
});
