// Layers as they are and as they were, their changes, and the bots that a change is still to reach.
import {
  LayersChanged,
  LayersEvaluated,
  LayersRefused,
  ManifestProposed,
  ManifestPublished,
  ManifestRefused,
  OverlayActivated,
  OverlayCohortChanged,
  OverlayCreated,
  OverlayDeactivated,
  OverlayDeleted,
  OverlayUpdated,
  ProfileCreated,
  ProfileDeleted,
  ProfileUpdated,
  type Recorded,
  ResolutionChanged,
  TemplateCreated,
  TemplateDeleted,
  TemplateUpdated,
} from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import { projection, type Sql, when } from '@molthub/event-store';
import { builtinRevision, builtinTemplates } from '../template/builtin-templates.ts';

/**
 * `layer_versions` keeps what every version of a layer said, so that a bot's resolution can be explained by the versions
 * it was made of. `layered` is what a bot's manifest resolves to by its layers where that need not be what it is to run.
 * `resolving` are bots that a changed layer moves and that nobody has proposed anew yet.
 */
const tables = `
  create table layers (
    workspace text not null, kind text not null, id uuid primary key, name text not null, version int not null,
    content jsonb not null, author jsonb not null, created_at timestamptz not null, updated_at timestamptz not null,
    constraint layers_name_unique unique (workspace, kind, name)
  );
  create table layer_versions (
    workspace text not null, kind text not null, id uuid not null, version int not null, name text not null,
    content jsonb not null, author jsonb not null, created_at timestamptz not null, primary key (id, version)
  );
  create table layer_sets (workspace text primary key, version int not null, changed_at timestamptz not null);
  create table layer_changes (
    workspace text not null, layers_version int not null, id uuid not null, kind text not null, layer_id text not null,
    name text not null, layer_version int not null, change text not null, author jsonb not null,
    correlation_id text not null, bots int, refused jsonb, change_set_ids jsonb not null default '[]', changed_at timestamptz not null,
    primary key (workspace, layers_version)
  );
  create unique index on layer_changes (id);
  create index on layer_changes (layers_version) where bots is null and refused is null;
  create table layered (bot_id uuid primary key, hash text);
  create table resolving (
    workspace text not null, change_set_id uuid not null, bot_id uuid not null, layers_version int not null,
    author jsonb not null, reason text not null, primary key (change_set_id, bot_id)
  );
  create table manifest_layers (
    workspace text not null, bot_id uuid not null, version int not null, layers jsonb not null,
    primary key (bot_id, version)
  );
`;

const templateColumns = `content->>'description' as description, content->>'category' as category,
  content->>'engine' as engine, content->'configurableFields' as configurable_fields,
  content->'requiredSecrets' as required_secrets, content->'manifest' as manifest`;

const of = (kind: string, columns: string) =>
  `select workspace, id, name, ${columns}, version, created_at, updated_at from layers where kind = '${kind}'`;

const builtinRows = builtinTemplates.map(({ id, version, content }) => ({ id, version, content }));

const views = {
  templates: `select workspace, id::text as id, name, ${templateColumns}, false as is_builtin, version, created_at,
      updated_at from layers where kind = 'template'
    union all
    select null, id, content->>'name', ${templateColumns}, true, version, null, null
    from jsonb_to_recordset($builtin$${JSON.stringify(builtinRows)}$builtin$::jsonb)
      as b (id text, version int, content jsonb)`,
  profiles: of(
    'profile',
    `content->>'description' as description, content->'fleetIds' as fleet_ids, (content->>'priority')::int as priority,
     content->'defaults' as defaults, content->'strategies' as strategies, content->'lockedFields' as locked_fields,
     (content->>'allowInstanceOverrides')::boolean as allow_instance_overrides,
     (content->>'isActive')::boolean as is_active`,
  ),
  overlays: of(
    'overlay',
    `content->>'description' as description, content->'target' as target, (content->>'priority')::int as priority,
     content->'patch' as patch, nullif(content->'schedule', 'null') as schedule,
     nullif(content->'rollout', 'null') as rollout, (content->>'enabled')::boolean as enabled,
     (content->>'active')::boolean as is_active, nullif(content->'cohort', 'null') as cohort`,
  ),
  layer_changes: `select workspace, layers_version, kind, layer_id, name, layer_version, change, author, bots,
    refused, change_set_ids, changed_at from layer_changes`,
};

const json = (value: unknown): string => JSON.stringify(value);

type Saved = { readonly kind: string; readonly id: string; readonly content: { readonly name: string } };

const save = ({ workspace, version, actor, time }: Recorded, { kind, id, content }: Saved, sql: Sql) =>
  sql(
    `with remembered as (
       insert into layer_versions values ($1, $2, $3, $4, $5, $6, $7, $8))
     insert into layers values ($1, $2, $3, $5, $4, $6, $7, $8, $8)
     on conflict (id) do update set name = excluded.name, version = excluded.version, content = excluded.content,
       author = excluded.author, updated_at = excluded.updated_at`,
    [workspace, kind, id, version, content.name, json(content), json(actor), time],
  );

/** Changes a part of what a layer says; who made the rest so stays its author. */
const amend = ({ version, time }: Recorded, id: string, part: Record<string, unknown>, sql: Sql) =>
  sql(
    `with amended as (
       update layers set content = content || $2, version = $3, updated_at = $4 where id = $1 returning *)
     insert into layer_versions select workspace, kind, id, version, name, content, author, updated_at from amended`,
    [id, json(part), version, time],
  );

const settled = (sql: Sql, changeSetId: string | undefined, botId: string): Promise<unknown> =>
  changeSetId === undefined
    ? Promise.resolve()
    : sql('delete from resolving where change_set_id = $1 and bot_id = $2', [changeSetId, botId]);

/** Grows with the tables; what comes with Molthub is in the views. */
const tablesRevision = 1;

export const layersProjection = projection({
  name: 'layers',
  revision: builtinRevision + tablesRevision,
  tables,
  views,
  rejects: {
    layers_name_unique: () =>
      new Rejected('config.layer-name-taken', 'Another one of its kind has this name; choose one that is free.'),
  },
  handlers: [
    ...[ProfileCreated, ProfileUpdated].map((definition) =>
      when(definition, (event, sql) => {
        const { profileId, ...content } = event.data;
        return save(event, { kind: 'profile', id: profileId, content }, sql);
      }),
    ),
    ...[TemplateCreated, TemplateUpdated].map((definition) =>
      when(definition, (event, sql) => {
        const { templateId, ...content } = event.data;
        return save(event, { kind: 'template', id: templateId, content }, sql);
      }),
    ),
    when(TemplateDeleted, ({ data }, sql) => sql('delete from layers where id = $1', [data.templateId])),
    ...[OverlayCreated, OverlayUpdated].map((definition) =>
      when(definition, (event, sql) => {
        const { overlayId, at: _, ...content } = event.data;
        return save(event, { kind: 'overlay', id: overlayId, content }, sql);
      }),
    ),
    when(OverlayDeleted, ({ data }, sql) => sql('delete from layers where id = $1', [data.overlayId])),
    when(OverlayActivated, (event, sql) => amend(event, event.data.overlayId, { active: true }, sql)),
    when(OverlayDeactivated, (event, sql) => amend(event, event.data.overlayId, { active: false }, sql)),
    when(OverlayCohortChanged, (event, sql) => amend(event, event.data.overlayId, { cohort: event.data.cohort }, sql)),
    when(ProfileDeleted, ({ data }, sql) => sql('delete from layers where id = $1', [data.profileId])),
    when(LayersChanged, async ({ workspace, version, time, id, actor, correlationId, data }, sql) => {
      const { layer, change } = data;
      await Promise.all([
        sql(
          `insert into layer_sets values ($1, $2, $3)
           on conflict (workspace) do update set version = excluded.version, changed_at = excluded.changed_at`,
          [workspace, version, time],
        ),
        sql(
          `insert into layer_changes (workspace, layers_version, id, kind, layer_id, name, layer_version, change, author,
             correlation_id, changed_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
          [
            workspace,
            version,
            id,
            layer.kind,
            layer.id,
            layer.name,
            layer.version,
            change,
            json(actor),
            correlationId,
            time,
          ],
        ),
      ]);
    }),
    when(ResolutionChanged, async ({ workspace, actor, data }, sql) => {
      const bots = json(data.bots.map(({ botId, after }) => ({ bot_id: botId, hash: after })));
      await Promise.all([
        sql(
          `insert into resolving select $1, $2, b.bot_id, $3, $4, $5 from jsonb_to_recordset($6) as b (bot_id uuid)`,
          [workspace, data.changeSetId, data.layersVersion, json(actor), data.reason, bots],
        ),
        sql(
          `insert into layered select b.bot_id, b.hash from jsonb_to_recordset($1) as b (bot_id uuid, hash text)
           on conflict (bot_id) do update set hash = excluded.hash`,
          [bots],
        ),
      ]);
    }),
    when(LayersEvaluated, ({ workspace, data }, sql) =>
      sql('update layer_changes set bots = $3, change_set_ids = $4 where workspace = $1 and layers_version = $2', [
        workspace,
        data.layersVersion,
        data.bots,
        json(data.changeSetIds),
      ]),
    ),
    when(LayersRefused, ({ workspace, data: { layersVersion, code, message } }, sql) =>
      sql('update layer_changes set refused = $3 where workspace = $1 and layers_version = $2', [
        workspace,
        layersVersion,
        json({ code, message }),
      ]),
    ),
    when(ManifestProposed, ({ data }, sql) => settled(sql, data.layersChangeSetId, data.botId)),
    when(ManifestRefused, ({ data }, sql) => settled(sql, data.layersChangeSetId, data.botId)),
    when(ManifestPublished, async ({ workspace, data }, sql) => {
      const { layers, layeredHash = data.hash } = data;
      if (layers === undefined) return;
      const written: Promise<unknown>[] = [];
      // Where there are no layers of its own, what a bot is to run is what its manifest says.
      if (layers.version > 0) {
        written.push(
          sql('insert into layered values ($1, $2) on conflict (bot_id) do update set hash = excluded.hash', [
            data.botId,
            layeredHash,
          ]),
        );
      }
      if (layers.applied.length > 0) {
        written.push(
          sql('insert into manifest_layers values ($1, $2, $3, $4)', [
            workspace,
            data.botId,
            data.version,
            json(layers),
          ]),
        );
      }
      await Promise.all(written);
    }),
  ],
});
