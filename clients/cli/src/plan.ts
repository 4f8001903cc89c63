// What `apply` has to do so that the server has what the documents say.
import { Manifest } from '@molthub/contracts';
import type { Fleet, Layer, PolicyPack } from './answers.ts';
import type { DesiredBot, DesiredFleet, DesiredLayer, DesiredPack } from './desired.ts';
import { type Difference, differences } from './differences.ts';

/** One step: nothing there yet, something else there, or exactly that. */
export type Step<D> =
  | { readonly action: 'create'; readonly desired: D }
  | { readonly action: 'change'; readonly desired: D; readonly id: string; readonly changes: readonly Difference[] }
  | { readonly action: 'unchanged'; readonly desired: D; readonly id: string }
  | { readonly action: 'impossible'; readonly desired: D; readonly reason: string };

/** Fields that a document leaves out are not its business: the server's stay. */
export const fleetStep = (desired: DesiredFleet, existing: Fleet | undefined): Step<DesiredFleet> => {
  if (existing === undefined) return { action: 'create', desired };
  const { environment, ...wanted } = desired.fleet.spec;
  if (environment !== existing.environment) {
    const reason = `the fleet is in ${existing.environment}; a fleet moves to ${environment} by promotion, not by an edit`;
    return { action: 'impossible', desired, reason };
  }
  const { description, tags, release } = existing;
  const present = Object.keys(wanted);
  const current = Object.fromEntries(
    Object.entries({ description, tags, release }).filter(([name]) => present.includes(name)),
  );
  return stepOf(desired, existing.id, differences(current, wanted));
};

/** As with fleets: what a document leaves out stays as the server has it. */
export const packStep = (desired: DesiredPack, existing: PolicyPack | undefined): Step<DesiredPack> => {
  if (existing === undefined) return { action: 'create', desired };
  if (existing.isBuiltin) {
    return { action: 'impossible', desired, reason: 'a pack of this name comes with Molthub; choose another name' };
  }
  const wanted = desired.pack.spec;
  const current = Object.fromEntries(Object.entries(existing).filter(([name]) => Object.hasOwn(wanted, name)));
  return stepOf(desired, existing.id, differences(current, wanted));
};

/** As with packs. `wanted` are the document's fields as the server has them. */
export const layerStep = (
  desired: DesiredLayer,
  wanted: Readonly<Record<string, unknown>>,
  existing: Layer | undefined,
): Step<DesiredLayer> => {
  if (existing === undefined) return { action: 'create', desired };
  if (existing.isBuiltin) {
    return { action: 'impossible', desired, reason: 'a template of this name comes with Molthub; choose another name' };
  }
  const current = Object.fromEntries(Object.entries(existing).filter(([name]) => Object.hasOwn(wanted, name)));
  return stepOf(desired, existing.id, differences(current, wanted));
};

/** `existing.manifest` is the newest version's, as the server answered it. */
export const botStep = (
  desired: DesiredBot,
  existing: { readonly id: string; readonly manifest: unknown } | undefined,
): Step<DesiredBot> => {
  if (existing === undefined) return { action: 'create', desired };
  const stored = Manifest.safeParse(existing.manifest);
  const current = stored.success ? comparable(stored.data) : existing.manifest;
  return stepOf(desired, existing.id, differences(current, comparable(desired.manifest)));
};

/** Where a bot lives is how it was found; only what it is to be is compared. */
const comparable = ({ metadata, ...rest }: Manifest): unknown => {
  const { name, labels } = metadata;
  return { ...rest, metadata: { name, ...(labels === undefined ? {} : { labels }) } };
};

const stepOf = <D>(desired: D, id: string, changes: readonly Difference[]): Step<D> =>
  changes.length === 0 ? { action: 'unchanged', desired, id } : { action: 'change', desired, id, changes };
