// Bots and their manifest versions: proposed, judged by policy, then published or refused. One proposal is open at a time.
import { limits, type ManifestOrigin } from '@molthub/contracts';
import { type Decider, Rejected, unreachable } from '@molthub/decider';
import { derivedId } from '@molthub/identity';
import type { z } from 'zod';
import { expectVersion } from '../expected-version.ts';
import { layeredHash } from '../layers/layered.ts';
import type {
  BotCommand,
  FleetFacts,
  PreparedAskAgain,
  PreparedConclude,
  PreparedCreate,
  PreparedPropose,
  PreparedResolveAgain,
  PreparedRetire,
  PreparedRollBack,
  Resolution,
} from './prepared.ts';
import {
  type Bot,
  type BotFact,
  type BotState,
  type Current,
  evolve,
  initial,
  openProposal,
  type Proposal,
} from './state.ts';

export const bots: Decider<BotState, BotCommand, BotFact> = {
  initial,
  evolve,
  decide: (command, state) => {
    switch (command.type) {
      case 'config.bot.create.v1':
        return create(command, state);
      case 'config.manifest.propose.v1':
        return propose(command, existing(state));
      case 'config.manifest.roll-back.v1':
        return rollBackOrRefuse(command, state);
      case 'config.manifest.resolve-again.v1':
        return resolveAgain(command, state);
      case 'config.verdict.ask-again.v1':
        return askAgain(command, state);
      case 'config.manifest.conclude.v1':
        return conclude(command, state);
      case 'config.bot.retire.v1':
        return retire(command, existing(state));
      default:
        return unreachable(command);
    }
  },
};

const botNotFound = () => new Rejected('config.bot-not-found', 'There is no such bot.');

/** A bot whose fleet is not found is another workspace's, which must look like one that never was. */
const ofThisWorkspace = (fleet: FleetFacts | null): FleetFacts => {
  if (fleet === null) throw botNotFound();
  return fleet;
};

const existing = (state: BotState): Bot & { readonly current: Current } => {
  if (state.kind === 'exists' && state.current) return { ...state, current: state.current };
  throw botNotFound();
};

const create = (command: PreparedCreate, state: BotState): readonly BotFact[] => {
  if (state.kind !== 'absent') throw new Rejected('config.bot-exists', 'A bot with this id exists or existed.');
  const fleet = found(command.fleet);
  if (fleet.status === 'DRAINING') throw draining();
  const { resolved, hash, layers } = sound(command.resolution);
  const { manifest } = command.data;
  return proposing(state, { ...proposal(command, fleet, 'create'), version: 1, manifest, resolved, hash, layers });
};

const propose = (command: PreparedPropose, bot: Bot & { readonly current: Current }): readonly BotFact[] => {
  const { manifest, expectedVersion, origin = 'update' } = command.data;
  const fleet = ofThisWorkspace(command.fleet);
  expectVersion(expectedVersion, bot.version);
  const { resolved, hash, layers } = sound(command.resolution);
  const fixed = [
    ['metadata.name', bot.name, manifest.metadata.name],
    ['spec.runtime.engine', bot.engine, manifest.spec.runtime.engine],
    ['spec.target.kind', bot.target, manifest.spec.target.kind],
  ] as const;
  const changed = fixed.filter(([, before, after]) => before !== after);
  if (changed.length > 0) {
    throw new Rejected(
      'config.field-immutable',
      'A bot keeps its name, engine and target; create another bot for others.',
      changed.map(([path, before]) => ({ path, code: 'config.field-immutable', message: `Write "${before}" here.` })),
    );
  }
  const version = bot.current.version + 1;
  return proposing(bot, { ...proposal(command, fleet, origin), version, manifest, resolved, hash, layers });
};

/** A change set waits for an answer about each bot it rolls back, so its refusals are events. */
const rollBackOrRefuse = (command: PreparedRollBack, state: BotState): readonly BotFact[] => {
  try {
    return rollBack(command, existing(state));
  } catch (error) {
    const { botId, forChangeSetId } = command.data;
    if (!(error instanceof Rejected) || forChangeSetId === undefined) throw error;
    return [refused({ proposalId: command.id, forChangeSetId }, botId, error)];
  }
};

const rollBack = (command: PreparedRollBack, bot: Bot & { readonly current: Current }): readonly BotFact[] => {
  const { fromVersion, toVersion, expectedVersion } = command.data;
  const fleet = ofThisWorkspace(command.fleet);
  expectVersion(expectedVersion, bot.version);
  const { current } = bot;
  if (fromVersion !== undefined && fromVersion !== current.version) {
    const message = `The bot is at version ${current.version}, not ${fromVersion}: somebody changed it since.`;
    throw new Rejected('config.changed-since', message);
  }
  const wanted = toVersion ?? current.version - 1;
  if (wanted === 0) throw new Rejected('config.no-earlier-version', 'The bot has only ever had this one version.');
  const { earlier } = command;
  if (earlier === null || wanted >= current.version) {
    throw new Rejected('config.manifest-version-not-found', `There is no earlier version ${wanted} of this bot.`);
  }
  if (earlier.version !== wanted) {
    throw new Rejected('config.version-mismatch', 'The bot was changed at this very moment; read it and try again.');
  }
  const { manifest, resolved, hash } = earlier;
  const version = current.version + 1;
  // What it was made of then, since that is what it is to run; and what it would be by the layers of now.
  const layers = { version: command.layers.version, applied: earlier.layers?.applied ?? [] };
  const restored = { version, manifest, resolved, hash, layers, layeredHash: command.layers.hash };
  return proposing(bot, { ...proposal(command, fleet, 'rollback'), ...restored });
};

/** A change set waits for an answer about each bot that a changed layer moves, so its refusals are events too. */
const resolveAgain = (command: PreparedResolveAgain, state: BotState): readonly BotFact[] => {
  const { botId, changeSetId, isAutomatic = false } = command.data;
  const { newest, fleet, resolution } = command;
  try {
    const bot = existing(state);
    const open = openProposal(state);
    // Somebody's own change goes first, and what it leads to is read again; a layer's older one gives way.
    if (open !== null && open.layersChangeSetId === undefined) return [];
    if (newest?.version !== bot.current.version) return [];
    const { resolved, hash, layers } = sound(resolution);
    if (hash === bot.current.hash) {
      throw new Rejected('config.resolution-unchanged', `Version ${bot.current.version} has it already.`);
    }
    if (isAutomatic && bot.current.origin === 'rollback') throw heldAfterRollback(bot.current.version);
    const version = bot.current.version + 1;
    const again = { version, manifest: newest.manifest, resolved, hash, layers, layersChangeSetId: changeSetId };
    return proposing(bot, { ...proposal(command, ofThisWorkspace(fleet), 'layers'), ...again });
  } catch (error) {
    if (!(error instanceof Rejected)) throw error;
    const of = { proposalId: command.id, forChangeSetId: null, layersChangeSetId: changeSetId };
    return [refused(of, botId, error)];
  }
};

/** What was rolled back is not brought back while nobody is there. */
const heldAfterRollback = (version: number): Rejected => {
  const message = `Version ${version} is a rollback, which no schedule and no share undoes; propose a manifest, or change a layer, to move the bot on.`;
  return new Rejected('config.held-after-rollback', message);
};

const askAgain = ({ data }: PreparedAskAgain, state: BotState): readonly BotFact[] => {
  const open = openProposal(state);
  if (open?.proposalId !== data.proposalId || (open.asked ?? 1) + 1 !== data.asked) return [];
  const { fleetId, environment, origin, resolved, enforcedPolicyPackIds: enforced } = open;
  const same = { fleetId, environment, origin, resolved, ...(enforced ? { enforcedPolicyPackIds: enforced } : {}) };
  return [{ type: 'config.verdict.asked.v1', data: { ...data, ...same } }];
};

const conclude = ({ data, workspace, fleet, layers }: PreparedConclude, state: BotState): readonly BotFact[] => {
  const open = openProposal(state);
  if (open?.proposalId !== data.proposalId) return [];
  if (!data.valid) {
    const message = `Policy denies this manifest: ${data.errors.map((e) => e.message).join(' ')}`
      .slice(0, 1_000)
      .toWellFormed();
    return [refused(open, data.botId, new Rejected('policy.denied', message, data.errors))];
  }
  if (fleet === null) {
    return [refused(open, data.botId, new Rejected('config.fleet-not-found', 'The fleet was deleted meanwhile.'))];
  }
  if (state.kind === 'proposed' && fleet.status === 'DRAINING') return [refused(open, data.botId, draining())];
  const isStale = open.origin !== 'rollback' && (open.layers?.version ?? 0) !== layers.version;
  const { fleetId, name: fleetName, environment } = fleet;
  const place = { workspace, fleetId, fleetName, environment, botId: data.botId, manifestVersion: open.version };
  // Another version of the layers is the same to a bot that none of the changes reaches.
  if (isStale && layeredHash(open.manifest, place, layers) !== open.hash) {
    const message = 'A layer that reaches this bot changed while the manifest was judged; send it again.';
    return [refused(open, data.botId, new Rejected('config.layers-changed', message))];
  }
  const judgedBy = new Set(open.enforcedPolicyPackIds);
  if (fleet.enforcedPolicyPackIds.some((packId) => !judgedBy.has(packId))) {
    const message = 'The fleet began to enforce a policy pack while the manifest was judged; send it again.';
    return [refused(open, data.botId, new Rejected('config.fleet-changed', message))];
  }
  return publish(open, data, fleet, state.kind === 'exists' ? state.current : null);
};

const publish = (
  open: Proposal,
  { botId, judgedAt }: PreparedConclude['data'],
  fleet: FleetFacts,
  previous: Current | null,
): readonly BotFact[] => {
  const { proposalId, manifest, resolved, hash, version, forChangeSetId, origin, reason, author } = open;
  const { fleetId, name: fleetName, status: fleetStatus, environment, release } = fleet;
  const { name } = manifest.metadata;
  // The generation stands for what is to run: the same content again is the same generation.
  const generation = previous === null ? 1 : previous.generation + (previous.hash === hash ? 0 : 1);
  const releases = release.mode === 'auto' && forChangeSetId === null;
  const { layers, layeredHash: byLayers, layersChangeSetId } = open;
  const changeSetId = layersChangeSetId ?? (releases ? derivedId(proposalId, 'change-set') : null);
  const { engine } = manifest.spec.runtime;
  const { kind: target } = manifest.spec.target;
  const created = { botId, fleetId, fleetName, name, environment, engine, target };
  return [
    ...(previous === null ? [{ type: 'config.bot.created.v1' as const, data: created }] : []),
    {
      type: 'config.manifest.published.v1',
      data: {
        proposalId,
        botId,
        botName: name,
        fleetId,
        fleetName,
        fleetStatus,
        environment,
        origin,
        version,
        hash,
        generation,
        previous,
        manifest,
        resolved,
        release,
        changeSetId,
        forChangeSetId,
        layers,
        layeredHash: byLayers,
        layersChangeSetId,
        ...(judgedAt === undefined ? {} : { judgedAt }),
        reason,
        author,
      },
    },
  ];
};

const retire = (command: PreparedRetire, bot: Bot): readonly BotFact[] => {
  const { botId, expectedVersion } = command.data;
  expectVersion(expectedVersion, bot.version);
  const { fleetId, name } = bot;
  return [
    ...superseded(bot, botId, new Rejected('config.bot-retired', 'The bot was deleted before this version was taken.')),
    { type: 'config.bot.retired.v1', data: { botId, fleetId, name } },
  ];
};

/** Room in an event for what is said of a version when it is published, and was not when it was proposed. */
const publishedBytes = 4 * 1024;

const proposing = (state: BotState, proposed: Proposal & { readonly botId: string }): readonly BotFact[] => {
  const bytes = Buffer.byteLength(JSON.stringify(proposed)) + publishedBytes;
  if (bytes > limits.eventBytesMax) {
    const message =
      'The manifest, what it resolves to and the layers of it are together larger than an event may be; make spec.config smaller.';
    throw new Rejected('config.too-large', message);
  }
  const reason = new Rejected('config.superseded', 'A newer proposal for this bot took the place of this one.');
  return [...superseded(state, proposed.botId, reason), { type: 'config.manifest.proposed.v1', data: proposed }];
};

const superseded = (state: BotState, botId: string, why: Rejected): readonly BotFact[] => {
  const open = openProposal(state);
  return open ? [refused(open, botId, why)] : [];
};

const refused = (
  of: Pick<Proposal, 'proposalId' | 'forChangeSetId' | 'layersChangeSetId'>,
  botId: string,
  { code, message, errors }: Rejected,
): BotFact => {
  const { proposalId, forChangeSetId, layersChangeSetId } = of;
  const why = { code, message, errors: [...errors] };
  return { type: 'config.manifest.refused.v1', data: { proposalId, botId, forChangeSetId, layersChangeSetId, ...why } };
};

/** What every proposal says of itself, whoever makes it. Its id is that of the command that made it. */
const proposal = (
  command: PreparedCreate | PreparedPropose | PreparedRollBack | PreparedResolveAgain,
  fleet: FleetFacts,
  origin: z.infer<typeof ManifestOrigin>,
) => ({
  proposalId: command.id,
  botId: command.data.botId,
  fleetId: fleet.fleetId,
  fleetName: fleet.name,
  environment: fleet.environment,
  origin,
  reason: 'reason' in command.data ? command.data.reason : '',
  forChangeSetId: 'forChangeSetId' in command.data ? (command.data.forChangeSetId ?? null) : null,
  ...(fleet.enforcedPolicyPackIds.length === 0 ? {} : { enforcedPolicyPackIds: [...fleet.enforcedPolicyPackIds] }),
  author: command.actor,
});

const found = (fleet: FleetFacts | null): FleetFacts => {
  if (fleet === null) throw new Rejected('config.fleet-not-found', 'There is no such fleet.');
  return fleet;
};

const draining = () => new Rejected('config.fleet-draining', 'The fleet is draining and takes no new bots.');

/** Refusals that callers tell apart; any other is an invalid manifest, whatever its several problems are. */
const ownCodes = [
  'config.secret-literal',
  'config.too-large',
  'config.locked',
  'config.override-forbidden',
  'config.layer-conflict',
];

const sound = (resolution: Resolution | null): Extract<Resolution, { readonly sound: true }> => {
  if (resolution?.sound) return resolution;
  const problems = resolution?.problems ?? [];
  const codes = problems.map((problem) => problem.code);
  const code = ownCodes.find((own) => codes.every((c) => c === own)) ?? 'config.manifest-invalid';
  const message = `The manifest is not accepted: ${problems[0]?.message ?? 'it could not be judged.'}`;
  throw new Rejected(code, problems.length > 1 ? `${message} (and ${problems.length - 1} more)` : message, problems);
};
