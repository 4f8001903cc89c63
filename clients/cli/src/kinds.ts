// The kinds of thing that `get`, `describe` and `delete` know: where they are and what a line about one says.
import { z } from 'zod';
import { usageError } from './cli-error.ts';
import { ago, cell, type Column, status } from './output.ts';

type Row = Readonly<Record<string, unknown>>;

export type Kind = {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly path: string;
  readonly columns: readonly Column<Row>[];
  /** Things with a name of their own are found by it; the others by their id only. */
  readonly named: boolean;
  /** What else a thing found by its name must be: names of what ended may be used again. */
  readonly found?: Readonly<Record<string, string>>;
  readonly deletable: boolean;
  /** A short list that the server answers at once. */
  readonly whole: boolean;
  /** More about one thing, by the title it is shown under. */
  readonly details: Readonly<Record<string, (id: string) => string>>;
};

/** The value at a dotted path of an answer, or undefined. */
export const valueAt = (row: unknown, path: string): unknown =>
  path.split('.').reduce<unknown>((value, key) => Object.entries(object(value)).find(([k]) => k === key)?.[1], row);

const object = (value: unknown): object => (typeof value === 'object' && value !== null ? value : {});
const text = (row: unknown, path: string): string => z.string().catch('').parse(valueAt(row, path));

const plain = (title: string, path: string): Column<Row> => ({ title, of: (row) => cell(valueAt(row, path)) });
const word = (title: string, path: string): Column<Row> => ({ title, of: (row) => status(text(row, path) || '–') });
const age = (title: string, path: string): Column<Row> => ({ title, of: (row) => ago(text(row, path), Date.now()) });
const id = plain('ID', 'id');
const name = plain('NAME', 'name');

const generations: Column<Row> = {
  title: 'GENERATION',
  of: (row) => `${cell(valueAt(row, 'observedGeneration'))}/${cell(valueAt(row, 'generation'))}`,
};

const nothing = { named: false, deletable: false, whole: false, details: {} };

export const kinds: readonly Kind[] = [
  {
    name: 'fleets',
    aliases: ['fleet'],
    path: '/fleets',
    columns: [name, plain('ENVIRONMENT', 'environment'), word('STATUS', 'status'), age('AGE', 'createdAt'), id],
    named: true,
    deletable: true,
    whole: false,
    details: { health: (id) => `/fleets/${id}/health` },
  },
  {
    name: 'bots',
    aliases: ['bot', 'bot-instance', 'bot-instances', 'moltbotinstance'],
    path: '/bot-instances',
    columns: [
      name,
      plain('FLEET', 'fleetName'),
      word('STATUS', 'status'),
      word('HEALTH', 'health'),
      generations,
      plain('TARGET', 'target.kind'),
      plain('ENDPOINT', 'target.endpoint.url'),
      id,
    ],
    named: true,
    deletable: true,
    whole: false,
    details: {
      drift: (id) => `/bot-instances/${id}/drift`,
      health: (id) => `/bot-instances/${id}/health`,
      timeline: (id) => `/bot-instances/${id}/events?sort=-sequence&limit=30`,
    },
  },
  {
    name: 'change-sets',
    aliases: ['change-set', 'changeset', 'changesets', 'rollout', 'rollouts'],
    path: '/change-sets',
    columns: [
      id,
      name,
      word('STATUS', 'status'),
      plain('UPDATED', 'progress.updated'),
      plain('OF', 'progress.total'),
      plain('FLEET', 'fleetName'),
      age('AGE', 'createdAt'),
    ],
    ...nothing,
    details: { status: (id) => `/change-sets/${id}/status`, plan: (id) => `/change-sets/${id}/plan` },
  },
  {
    name: 'policy-packs',
    aliases: ['policy-pack', 'policypack', 'policypacks', 'pack', 'packs'],
    path: '/policy-packs',
    columns: [
      name,
      plain('PRIORITY', 'priority'),
      plain('ACTIVE', 'isActive'),
      plain('ENFORCED', 'isEnforced'),
      plain('BY ITSELF', 'autoApply'),
      plain('VERSION', 'version'),
      id,
    ],
    named: true,
    deletable: true,
    whole: false,
    details: {},
  },
  {
    name: 'waivers',
    aliases: ['waiver'],
    path: '/policy/waivers',
    columns: [
      name,
      word('STATUS', 'status'),
      plain('PACK', 'packId'),
      plain('RULE', 'ruleId'),
      plain('SCOPE', 'scope'),
      plain('OWNER', 'owner'),
      plain('EXPIRES', 'expiresAt'),
      id,
    ],
    named: true,
    found: { status: 'ACTIVE' },
    deletable: true,
    whole: false,
    details: {},
  },
  {
    name: 'findings',
    aliases: ['finding'],
    path: '/health/findings',
    columns: [
      word('SEVERITY', 'severity'),
      plain('KIND', 'kind'),
      plain('TITLE', 'title'),
      plain('BOT', 'botInstanceId'),
      age('AGE', 'openedAt'),
      plain('CLOSED', 'closedAt'),
      id,
    ],
    ...nothing,
  },
  {
    name: 'templates',
    aliases: ['template'],
    path: '/templates',
    columns: [
      name,
      plain('CATEGORY', 'category'),
      plain('ENGINE', 'engine'),
      plain('BUILTIN', 'isBuiltin'),
      plain('VERSION', 'version'),
      plain('ABOUT', 'description'),
    ],
    named: true,
    deletable: true,
    whole: false,
    details: {},
  },
  {
    name: 'profiles',
    aliases: ['profile'],
    path: '/profiles',
    columns: [
      name,
      plain('PRIORITY', 'priority'),
      plain('ACTIVE', 'isActive'),
      plain('LOCKS', 'lockedFields'),
      plain('VERSION', 'version'),
      id,
    ],
    named: true,
    deletable: true,
    whole: false,
    details: {},
  },
  {
    name: 'overlays',
    aliases: ['overlay'],
    path: '/overlays',
    columns: [
      name,
      plain('PRIORITY', 'priority'),
      plain('ENABLED', 'enabled'),
      plain('ON', 'isActive'),
      plain('TARGET', 'target'),
      plain('VERSION', 'version'),
      id,
    ],
    named: true,
    deletable: true,
    whole: false,
    details: { targets: (id) => `/overlays/${id}/targets` },
  },
  {
    name: 'violations',
    aliases: ['violation'],
    path: '/policy/violations',
    columns: [
      plain('BOT', 'botName'),
      plain('ACTION', 'action'),
      plain('PACK', 'packId'),
      plain('RULE', 'ruleId'),
      plain('PATH', 'path'),
      plain('MESSAGE', 'message'),
    ],
    ...nothing,
  },
  {
    name: 'audit',
    aliases: [],
    path: '/audit',
    columns: [
      plain('#', 'sequence'),
      plain('TIME', 'time'),
      plain('ACTOR', 'actor.name'),
      plain('ACTION', 'action'),
      word('OUTCOME', 'outcome'),
      plain('RESOURCE', 'resource.type'),
      plain('ID', 'resource.id'),
    ],
    ...nothing,
  },
  {
    name: 'workspaces',
    aliases: ['workspace'],
    path: '/workspaces',
    columns: [name, plain('SLUG', 'slug'), id],
    ...nothing,
  },
  {
    name: 'targets',
    aliases: ['target'],
    path: '/targets',
    columns: [
      plain('KIND', 'kind'),
      plain('RUNNABLE', 'runnable'),
      plain('ENGINES', 'engines'),
      plain('ABOUT', 'about'),
    ],
    ...nothing,
    whole: true,
  },
];

/** The kind a word means. Throws a usage error that lists them. */
export const kindOf = (word: string): Kind => {
  const found = kinds.find((kind) => kind.name === word.toLowerCase() || kind.aliases.includes(word.toLowerCase()));
  if (found !== undefined) return found;
  throw usageError(`there is no kind '${word}'; use one of ${kinds.map((kind) => kind.name).join(', ')}`);
};
