// What is asked of a layer before it is saved: that it says only what a layer may say, and that every bot it reaches
// resolves with it. What would break is listed, bot by bot, and nothing is changed.
import type { Problem, Template } from '@molthub/contracts';
import { Rejected, unreachable } from '@molthub/decider';
import type { Reads } from '@molthub/event-store';
import { meet, nextEdge, scheduleProblems } from '@molthub/layers';
import { isJsonObject, literalSecrets, structureProblems } from '@molthub/manifest';
import { isBuiltinName } from '../template/builtin-templates.ts';
import { namesIn, patchOf, wrongIn } from '../template/fill.ts';
import type { KnownLayer, Layers } from './known-layers.ts';
import { layered, preparedOf, reaches } from './layered.ts';
import { botsOf, type ReachedBot } from './reached-bots.ts';

/** Layers of one kind in a workspace: each is looked at for every bot. */
export const layersPerKindMax = 100;

type Beside = {
  readonly layers: Layers;
  readonly workspace: string;
  readonly reads: Reads;
  /** When it is to be saved: windows that are over by then do not count. */
  readonly time: string;
};

/** Throws `Rejected` with everything that is wrong: at most 100 problems. */
export const checkLayer = async (layer: KnownLayer, beside: Beside): Promise<void> => {
  const { layers, workspace, reads } = beside;
  const others = layers.all.filter(({ id }) => id !== layer.id);
  if (others.filter(({ kind, id }) => kind === layer.kind && !isBuiltinName(id)).length >= layersPerKindMax) {
    const message = `A workspace has at most ${layersPerKindMax} of a kind; put some together, or delete one.`;
    throw new Rejected('config.too-many-layers', message);
  }
  const own = [...fieldProblems(layer), ...pathProblems(layer)];
  if (own.length > 0) {
    const message = `The ${layer.kind} is not accepted: ${own[0]?.message}`;
    throw new Rejected('config.layer-invalid', message, own.slice(0, problemsMax));
  }
  await requireFleets(layer, workspace, reads);
  const problems = await brokenBots(layer, beside);
  if (problems.length > 0) {
    const message = 'Some bots do not resolve with this; each is named in errors. Nothing was changed.';
    throw new Rejected('config.layer-refused', message, problems);
  }
};

const problemsMax = 100;

const fieldProblems = (layer: KnownLayer): readonly Problem[] => {
  switch (layer.kind) {
    case 'template':
      return templateProblems(layer.content);
    case 'profile':
      return patchProblems(layer.content.defaults, 'defaults');
    case 'overlay': {
      const { patch, schedule } = layer.content;
      return [...patchProblems(patch, 'patch'), ...(schedule ? scheduleProblems(schedule, 'schedule') : [])];
    }
    default:
      return unreachable(layer);
  }
};

const templateProblems = (template: Template): readonly Problem[] => {
  const problems = template.configurableFields.flatMap((field, index) => {
    const at = `configurableFields.${index}`;
    const wrong = (name: string, message: string) => [
      { path: `${at}.${name}`, code: 'config.template-field', message },
    ];
    const names = namesIn(field.path);
    if (names === null) return wrong('path', 'A field is at a path of keys, such as spec.config.logging.level.');
    if (template.configurableFields.findIndex((other) => other.path === field.path) < index) {
      return wrong('path', 'Another field of this template has this path too.');
    }
    if (field.type === 'select' && field.options === undefined) return wrong('options', 'A select has options.');
    const unfit = field.default === undefined ? null : wrongIn(field, field.default);
    return unfit === null ? strangePath(names, `${at}.path`) : wrong('default', unfit);
  });
  // Only what has sound paths can be put together.
  return problems.length > 0 ? problems : patchProblems(patchOf(template), 'manifest');
};

/** A field is where a layer may say something, and never what the bot is. */
const strangePath = ([section = '', name = '', ...rest]: readonly string[], path: string): readonly Problem[] => {
  const isEngine = section === 'spec' && name === 'runtime' && (rest.length === 0 || rest[0] === 'engine');
  return bots.get(section)?.has(name) && !isEngine ? [] : [strangeField(path)];
};

/** The fleets that a layer names, each with where. */
const fleetsOf = (layer: KnownLayer): readonly { readonly path: string; readonly id: string }[] => {
  if (layer.kind === 'template') return [];
  if (layer.kind === 'profile') return layer.content.fleetIds.map((id, index) => ({ path: `fleetIds.${index}`, id }));
  const { target } = layer.content;
  return 'fleetId' in target ? [{ path: 'target.fleetId', id: target.fleetId }] : [];
};

/** What no layer says, since it is the bot's own: who it is, where it lives, what it is. */
const bots = new Map([
  ['metadata', new Set(['labels'])],
  [
    'spec',
    new Set([
      'runtime',
      'config',
      'secrets',
      'channels',
      'skills',
      'network',
      'observability',
      'healthCheck',
      'security',
      'drift',
      'policies',
    ]),
  ],
]);

const patchProblems = (patch: unknown, field: string): readonly Problem[] => {
  const structure = structureProblems(patch);
  if (structure.length > 0) return structure.map((problem) => ({ ...problem, path: `${field}.${problem.path}` }));
  if (!isJsonObject(patch)) return [];
  const strange = Object.entries(patch).flatMap(([section, said]) => {
    const allowed = bots.get(section);
    if (!allowed) return [strangeField(`${field}.${section}`)];
    if (!isJsonObject(said)) return [strangeField(`${field}.${section}`)];
    const names = Object.keys(said).filter((name) => !allowed.has(name));
    const engine = isJsonObject(said['runtime']) && Object.hasOwn(said['runtime'], 'engine') ? ['runtime.engine'] : [];
    return [...names, ...engine].map((name) => strangeField(`${field}.${section}.${name}`));
  });
  const secrets = literalSecrets(patch).map(({ path, kind }) => ({
    path: `${field}.${path}`,
    code: 'config.secret-literal',
    message: `This looks like a ${kind}. Declare it in spec.secrets and write a reference here, such as \${NAME}.`,
  }));
  return [...strange, ...secrets];
};

const strangeField = (path: string): Problem => ({
  path,
  code: 'config.layer-field',
  message:
    'A layer may say metadata.labels, and below spec: runtime (but its engine), config, secrets, channels, skills, network, observability, healthCheck, security, drift, policies.',
});

/** Of patch, strategies and locks, as the library that resolves them finds them. */
const pathProblems = (layer: KnownLayer): readonly Problem[] =>
  preparedOf(layer).problems.map(({ path, code, message }) => ({ path, code, message }));

const requireFleets = async (layer: KnownLayer, workspace: string, reads: Reads): Promise<void> => {
  const named = fleetsOf(layer);
  if (named.length === 0) return;
  const ids = named.map(({ id }) => id);
  const rows = await reads<{ id: string }>('select id from fleets where workspace = $1 and id = any($2::uuid[])', [
    workspace,
    ids,
  ]);
  const missing = named.filter(({ id }) => !rows.some((row) => row.id === id));
  if (missing.length === 0) return;
  const problems = missing.map(({ path, id }) => ({
    path,
    code: 'config.fleet-not-found',
    message: `There is no fleet ${id}.`,
  }));
  throw new Rejected('config.layer-invalid', 'A fleet that it names does not exist; leave it out.', problems);
};

/** An overlay at its most: within its window, and for all that it is for. */
const atMost = (layer: KnownLayer): KnownLayer =>
  layer.kind === 'overlay' ? { ...layer, content: { ...layer.content, active: true, rollout: null } } : layer;

/**
 * What the bots that the layer reaches, or will, say to it; those that do not resolve without it are no fault of it.
 */
const brokenBots = async (saved: KnownLayer, beside: Beside): Promise<readonly Problem[]> => {
  const { layers, workspace, reads } = beside;
  const layer = atMost(saved);
  const after: Layers = {
    version: layers.version + 1,
    all: [...layers.all.filter(({ id }) => id !== layer.id), layer],
  };
  const coming = comingOf(layer, after.all, beside);
  const problems: Problem[] = [];
  for await (const bot of botsOf(workspace, reads)) {
    if (!reaches(layer, bot, bot.manifest)) continue;
    const found = layered(bot.manifest, bot, after);
    if (!found.sound && !layered(bot.manifest, bot, layers).sound) continue;
    const now = found.sound ? [] : found.problems;
    const later = brokenLater(bot, coming, { before: layers, after });
    const broken = [...now, ...later.filter(({ message }) => !now.some((problem) => problem.message === message))];
    for (const { path, code, message } of broken) {
      problems.push({ path, code, message: `Bot ${bot.botName} of fleet ${bot.fleetName}: ${message}` });
    }
    if (problems.length >= problemsMax) return problems.slice(0, problemsMax);
  }
  return problems;
};

const locksOf = (layer: KnownLayer): number => (layer.kind === 'profile' ? layer.content.lockedFields.length : 0);

/** What two overlays would say of each other once both are on: only equals contradict, and only if they ever meet. */
const areRivals = (one: KnownLayer, other: KnownLayer): boolean =>
  one.kind === 'overlay' &&
  other.kind === 'overlay' &&
  one.content.priority === other.content.priority &&
  meet(one.content.schedule, other.content.schedule);

/** An overlay as it is and at its most, which is one object for all bots, so that it is prepared once. */
type Coming = { readonly overlay: KnownLayer; readonly most: KnownLayer; readonly codes: readonly string[] };

/**
 * Overlays whose window may still come, or that may be for more bots than they are for now, each with what the layer may
 * not do to it.
 */
const comingOf = (layer: KnownLayer, all: readonly KnownLayer[], { time }: Beside): readonly Coming[] =>
  all.flatMap((overlay) => {
    const { kind, content } = overlay;
    if (kind !== 'overlay' || overlay.id === layer.id || !content.enabled) return [];
    if (content.schedule !== null && !content.active && nextEdge(content.schedule, time) === null) return [];
    const codes = [
      ...(locksOf(layer) > 0 ? ['config.locked'] : []),
      ...(areRivals(layer, overlay) ? ['config.layer-conflict'] : []),
    ];
    return codes.length === 0 ? [] : [{ overlay, most: atMost(overlay), codes }];
  });

/**
 * The locks that overlays would break that do not reach the bot yet, and the equals that would contradict one, one by one:
 * two of them may never be on together. What one breaks without the saved layer is no fault of it.
 */
const brokenLater = (
  bot: ReachedBot,
  coming: readonly Coming[],
  { before, after }: { readonly before: Layers; readonly after: Layers },
): readonly Problem[] =>
  coming.flatMap(({ overlay, most, codes }) => {
    if (reaches(overlay, bot, bot.manifest) || !reaches(most, bot, bot.manifest)) return [];
    const broken = (layers: Layers): readonly Problem[] => {
      const all = layers.all.map((other) => (other.id === overlay.id ? most : other));
      const found = layered(bot.manifest, bot, { ...layers, all });
      return found.sound ? [] : found.problems.filter(({ code }) => codes.includes(code));
    };
    const known = broken(before);
    return broken(after).filter(({ path }) => !known.some((problem) => problem.path === path));
  });
