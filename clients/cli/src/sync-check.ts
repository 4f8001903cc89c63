// What is wrong with a commit that is right by itself: what it refers to, and what the server would refuse.
import { type Manifest, PackId, ResolvedManifest, Violation } from '@molthub/contracts';
import { z } from 'zod';
import { Fleet } from './answers.ts';
import type { Client } from './client.ts';
import { concurrently } from './concurrently.ts';
import { type Desired, placeIn } from './desired.ts';
import type { Document, DocumentKind, Server } from './document-kind.ts';
import { BotDocument, botKind } from './document-kinds/bot.ts';
import { FleetDocument, fleetKind } from './document-kinds/fleet.ts';
import { overlayKind, OverlayDocument, profileKind, ProfileDocument, templateKind } from './document-kinds/layers.ts';
import { policyPackKind } from './document-kinds/policy-pack.ts';
import { WaiverDocument, waiverKind } from './document-kinds/waiver.ts';
import { keysIn, pathText } from './issue-words.ts';
import type { Step } from './plan.ts';
import { serverOf } from './server-things.ts';

export type SyncProblem = {
  /** `file:line`, or the path of what has no line. */
  readonly path: string;
  readonly message: string;
  /** Which field of it, where one is to blame. */
  readonly field?: string;
};

const asksAtOnce = 8;

/** Everything that keeps the plan from being carried out; empty where nothing does. */
export const problemsWith = async (
  client: Client,
  steps: readonly Step[],
  desired: readonly Desired[],
): Promise<SyncProblem[]> => {
  const told = problemOf(desired);
  return [...impossible(steps, told), ...(await invalid(client, steps, desired, told))];
};

type ToldOf = (title: string, keys: readonly PropertyKey[], message: string) => SyncProblem;

/** A problem at the line where its document says what is wrong, or the nearest thing around it. */
export const problemOf = (desired: readonly Desired[]): ToldOf => {
  const places = new Map(desired.map(({ title, where }) => [title, where]));
  return (title, keys, message) => {
    const where = places.get(title);
    const field = pathText(keys);
    return {
      path: where === undefined ? title : placeIn(where, keys),
      message: [title, ...(field === '' ? [] : [field]), message].join(': '),
      ...(field === '' ? {} : { field }),
    };
  };
};

export const impossible = (steps: readonly Step[], told: ToldOf): SyncProblem[] =>
  steps.flatMap((step) => (step.action === 'impossible' ? [told(step.title, step.path ?? [], step.reason)] : []));

const Checked = z.looseObject({
  valid: z.boolean(),
  errors: z.array(z.looseObject({ path: z.string(), message: z.string() })),
  /** What of the errors policy found; servers that do not tell it leave the errors to be counted. */
  violations: z.array(Violation).default([]),
  resolved: ResolvedManifest.nullish(),
});

/**
 * What the server would refuse: the engine's own schema and policy are asked for every manifest that is to be sent. Only
 * what a bot is that comes with its template, is known to the server no sooner than the template; and what a pack that
 * changes or a waiver that comes says of a bot, no sooner than those; and what policy says of one that a profile, an
 * overlay or its fleet reaches which the commit makes or changes. They are sent first, and it is judged then.
 */
const invalid = async (
  client: Client,
  steps: readonly Step[],
  desired: readonly Desired[],
  told: ToldOf,
): Promise<SyncProblem[]> => {
  const server = serverOf(client);
  const written = new Map(
    desired
      .filter(({ kind }) => kind === fleetKind)
      .map(({ document }) => [document.metadata.name, FleetDocument.parse(document).spec.environment]),
  );
  const sent = steps.filter((step) => step.action === 'create' || step.action === 'change');
  const templates = sent.filter(({ kind }) => kind === templateKind);
  const coming = new Set(templates.map(({ document }) => document.metadata.name));
  const bots = sent.filter(({ kind }) => kind === botKind);
  const coveringOf = await coverings(server, sent);
  const isReached = reaching(sent);
  const found = await concurrently(bots, asksAtOnce, async (step): Promise<SyncProblem[]> => {
    const manifest = BotDocument.parse(step.document);
    if (manifest.spec.template !== undefined && coming.has(manifest.spec.template.name)) return [];
    const { fleet } = manifest.metadata;
    const environment = written.get(fleet) ?? Fleet.optional().parse(await server.thing('Fleet', fleet))?.environment;
    const checked = await client.post(Checked, '/manifests/validate', { manifest, environment });
    if (checked.valid) return [];
    if (checked.violations.length === 0) {
      return checked.errors.map(({ path, message }) => told(step.title, keysIn(path), message));
    }
    if (isReached(fleet)) return [];
    const labels = checked.resolved?.metadata.labels ?? manifest.metadata.labels ?? {};
    const bot = { title: step.title, fleet, name: manifest.metadata.name, labels, isNew: step.action === 'create' };
    return checked.violations.flatMap((violation) => {
      const { isCovered = false, hint = '' } = coveringOf(bot, violation);
      return isCovered ? [] : [told(step.title, keysIn(violation.path), `${violation.message}${hint}`)];
    });
  });
  return found.flat();
};

type SentStep = Extract<Step, { readonly action: 'create' | 'change' }>;

/** Whether what the commit makes or changes may say something of the bots of a fleet, before or after the change. */
const reaching = (sent: readonly SentStep[]): ((fleet: string) => boolean) => {
  const targets = sent.flatMap((step) => {
    const documents = step.action === 'change' ? [step.document, step.current.document] : [step.document];
    return documents.flatMap((document) => targetsOf(step.kind, document));
  });
  return (fleet) => targets.includes(undefined) || targets.includes(fleet);
};

/** The fleets that a document reaches; undefined is any fleet, since which bots it reaches is for the server to say. */
const targetsOf = (kind: DocumentKind, document: Document): readonly (string | undefined)[] => {
  if (kind === fleetKind) return [document.metadata.name];
  if (kind === profileKind) {
    const { fleets = [] } = ProfileDocument.parse(document).spec;
    return fleets.length === 0 ? [undefined] : fleets;
  }
  if (kind !== overlayKind) return [];
  const { target } = OverlayDocument.parse(document).spec;
  return ['fleet' in target ? target.fleet : undefined];
};

type Judged = {
  readonly title: string;
  readonly fleet: string;
  readonly name: string;
  readonly labels: NonNullable<Manifest['metadata']['labels']>;
  readonly isNew: boolean;
};
type Covering = { readonly isCovered?: boolean; readonly hint?: string };

/** What the commit brings along that a violation may be no more by: changed packs, and waivers. */
const coverings = async (
  server: Server,
  sent: readonly SentStep[],
): Promise<(bot: Judged, violation: Violation) => Covering> => {
  const changedPacks = new Set(
    sent.flatMap((step) => (step.kind === policyPackKind && step.action === 'change' ? [step.current.id] : [])),
  );
  const waivers = await concurrently(
    sent.filter(({ kind }) => kind === waiverKind),
    asksAtOnce,
    async ({ document }) => {
      const { spec, metadata } = WaiverDocument.parse(document);
      const isId = PackId.safeParse(spec.pack).success;
      return {
        ...spec,
        title: metadata.name,
        packId: isId ? spec.pack : (await server.thing('PolicyPack', spec.pack))?.id,
      };
    },
  );
  return (bot, violation) => {
    if (changedPacks.has(violation.packId)) return { isCovered: true };
    const own = waivers.filter(({ packId, rule }) => packId === violation.packId && rule === violation.ruleId);
    const forBot = own.find((waiver) => waiver.bot === `${bot.fleet}/${bot.name}`);
    const isCovered =
      (forBot !== undefined && !bot.isNew) ||
      own.some(({ fleet }) => fleet === bot.fleet) ||
      own.some(({ selector }) => selector !== undefined && hasLabels(bot.labels, selector));
    if (isCovered || forBot === undefined) return { isCovered };
    return {
      hint: ` The waiver ${forBot.title} can be made only once the bot is there; let it name the fleet or labels.`,
    };
  };
};

const hasLabels = (labels: Judged['labels'], selector: Readonly<Record<string, string>>): boolean =>
  Object.entries(selector).every(([name, value]) => Object.hasOwn(labels, name) && labels[name] === value);
