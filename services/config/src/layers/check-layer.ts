// What is asked of a layer before it is saved: that it says only what a layer may say, and that every bot it reaches
// resolves with it. What would break is listed, bot by bot, and nothing is changed.
import type { Problem } from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import type { Reads } from '@molthub/event-store';
import { isJsonObject, literalSecrets, structureProblems } from '@molthub/manifest';
import { type KnownLayer, type Layers } from './known-layers.ts';
import { layered, preparedOf, reaches } from './layered.ts';
import { botsOf } from './reached-bots.ts';

/** Layers of one kind in a workspace: each is looked at for every bot. */
export const layersPerKindMax = 100;

type Beside = { readonly layers: Layers; readonly workspace: string; readonly reads: Reads };

/** Throws `Rejected` with everything that is wrong: at most 100 problems. */
export const checkLayer = async (layer: KnownLayer, { layers, workspace, reads }: Beside): Promise<void> => {
  const others = layers.all.filter(({ id }) => id !== layer.id);
  if (others.filter(({ kind }) => kind === layer.kind).length >= layersPerKindMax) {
    const message = `A workspace has at most ${layersPerKindMax} of a kind; put some together, or delete one.`;
    throw new Rejected('config.too-many-layers', message);
  }
  const own = [...patchProblems(layer.content.defaults, 'defaults'), ...pathProblems(layer)];
  if (own.length > 0) {
    const message = `The ${layer.kind} is not accepted: ${own[0]?.message}`;
    throw new Rejected('config.layer-invalid', message, own.slice(0, problemsMax));
  }
  await requireFleets(layer.content.fleetIds, workspace, reads);
  const problems = await brokenBots(layer, { layers, workspace, reads });
  if (problems.length > 0) {
    const message = 'Some bots do not resolve with this; each is named in errors. Nothing was changed.';
    throw new Rejected('config.layer-refused', message, problems);
  }
};

const problemsMax = 100;

/** What no layer says, since it is the bot's own: who it is, where it lives, what it is. */
const bots = new Map([
  ['metadata', new Set(['labels'])],
  ['spec', new Set(['runtime', 'config', 'secrets', 'channels', 'skills', 'network', 'observability', 'policies'])],
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
    'A layer may say metadata.labels, and below spec: runtime (but its engine), config, secrets, channels, skills, network, observability, policies.',
});

/** Of patch, strategies and locks, as the library that resolves them finds them. */
const pathProblems = (layer: KnownLayer): readonly Problem[] =>
  preparedOf(layer).problems.map(({ path, code, message }) => ({ path, code, message }));

const requireFleets = async (fleetIds: readonly string[], workspace: string, reads: Reads): Promise<void> => {
  if (fleetIds.length === 0) return;
  const rows = await reads<{ id: string }>('select id from fleets where workspace = $1 and id = any($2::uuid[])', [
    workspace,
    [...fleetIds],
  ]);
  const missing = fleetIds.filter((id) => !rows.some((row) => row.id === id));
  if (missing.length === 0) return;
  const problems = missing.map((id) => ({
    path: `fleetIds.${fleetIds.indexOf(id)}`,
    code: 'config.fleet-not-found',
    message: `There is no fleet ${id}.`,
  }));
  throw new Rejected('config.layer-invalid', 'Some of its fleets do not exist; leave them out.', problems);
};

/** What the bots that the layer reaches say to it; those that do not resolve as it is are no fault of it. */
const brokenBots = async (layer: KnownLayer, { layers, workspace, reads }: Beside): Promise<readonly Problem[]> => {
  const after: Layers = {
    version: layers.version + 1,
    all: [...layers.all.filter(({ id }) => id !== layer.id), layer],
  };
  const problems: Problem[] = [];
  for await (const bot of botsOf(workspace, reads)) {
    if (!reaches(layer, bot)) continue;
    const found = layered(bot.manifest, bot, after);
    if (found.sound || !layered(bot.manifest, bot, layers).sound) continue;
    for (const { path, code, message } of found.problems) {
      problems.push({ path, code, message: `Bot ${bot.botName} of fleet ${bot.fleetName}: ${message}` });
    }
    if (problems.length >= problemsMax) return problems.slice(0, problemsMax);
  }
  return problems;
};
