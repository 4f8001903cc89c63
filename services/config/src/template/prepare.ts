import {
  type CommandOf,
  type CreateTemplate,
  type DeleteTemplate,
  Template,
  type UpdateTemplate,
} from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import type { Reads } from '@molthub/event-store';
import type { Prepared } from '@molthub/service';
import { checkLayer } from '../layers/check-layer.ts';
import { layersStream, wanted } from '../layers/layer-change.ts';
import { type KnownTemplate, layersOf } from '../layers/known-layers.ts';
import { isBuiltinName } from './builtin-templates.ts';
import type { TemplateCommand } from './decider.ts';

type Unprepared =
  | CommandOf<typeof CreateTemplate>
  | CommandOf<typeof UpdateTemplate>
  | CommandOf<typeof DeleteTemplate>;

/** As with profiles; what comes with Molthub is the same everywhere and stays. */
export const prepareTemplate = async (command: Unprepared, reads: Reads): Promise<Prepared<TemplateCommand>> => {
  const { workspace, actor } = command;
  const { templateId: id } = command.data;
  if (isBuiltinName(command.type === 'config.template.create.v1' ? command.data.name : id)) {
    const message = 'Templates called builtin-… come with Molthub and are the same everywhere; make one of your own.';
    throw new Rejected('config.template-builtin', message);
  }
  const layers = await layersOf(workspace, reads);
  const expects = [{ stream: layersStream(workspace), version: layers.version }];
  const known = layers.all.find((layer): layer is KnownTemplate => layer.kind === 'template' && layer.id === id);
  if (command.type !== 'config.template.create.v1' && !known) {
    throw new Rejected('config.template-not-found', 'There is no such template.');
  }
  if (command.type === 'config.template.delete.v1') {
    const usedBy = await botsBuiltFrom(known?.content.name ?? '', workspace, reads);
    return { command: { ...command, usedBy }, expects };
  }
  const { templateId: _, ...given } = command.data;
  const content = Template.parse(known ? wanted(known.content, given) : given);
  const layer = { kind: 'template', id, version: (known?.version ?? 0) + 1, author: actor, content } as const;
  await checkLayer(layer, { layers, workspace, reads, time: command.time });
  return { command, expects };
};

const namedMax = 20;

const botsBuiltFrom = async (name: string, workspace: string, reads: Reads): Promise<readonly string[]> => {
  const rows = await reads<{ name: string }>(
    `select b.name from bots b join manifests m on m.bot_id = b.id and m.version = b.manifest_version
     where b.workspace = $1 and m.manifest->'spec'->'template'->>'name' = $2 order by b.name limit ${namedMax}`,
    [workspace, name],
  );
  return rows.map((row) => row.name);
};
