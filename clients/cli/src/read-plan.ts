// Compares documents with the server.
import type { Client } from './client.ts';
import { concurrently } from './concurrently.ts';
import type { Desired } from './desired.ts';
import type { Server } from './document-kind.ts';
import { documentKinds } from './document-kinds.ts';
import { note } from './output.ts';
import { labelsOf, ownerLabel } from './ownership.ts';
import { type Step, stepFor } from './plan.ts';
import { serverOf } from './server-things.ts';

const readsAtOnce = 8;

export type PlanOptions = {
  /** For whom they are applied: what is created or changed gets its label. */
  readonly owner?: string | undefined;
  /** Whether what has that label and is described no more is deleted. */
  readonly prune?: boolean | undefined;
};

/**
 * One step per document, in the order of the kinds and in each kind as they were written; then what is to be deleted, in
 * the opposite order.
 */
export const planFor = async (
  client: Client,
  desired: readonly Desired[],
  { owner, prune = false }: PlanOptions = {},
): Promise<Step[]> => {
  const server = serverOf(client);
  const ordered = documentKinds.flatMap((kind) => desired.filter((one) => one.kind === kind));
  const steps = await concurrently(ordered, readsAtOnce, (one) => planOne(server, one, desired, owner));
  return prune && owner !== undefined ? [...steps, ...(await leftOver(server, desired, owner))] : steps;
};

const planOne = async (
  server: Server,
  desired: Desired,
  all: readonly Desired[],
  owner: string | undefined,
): Promise<Step> => {
  const { kind, title, document } = desired;
  // What ended needs nothing any more: what it refers to may be gone.
  const lapsed = kind.lapsed?.(document);
  const ended = lapsed && stepFor(desired, await kind.find(server, document), owner);
  if (ended?.action === 'unchanged') {
    if (ended.current === undefined) note(`${title}: ${lapsed?.reason ?? ''}`);
    return ended;
  }
  for (const { kind: named, name, path } of kind.referencesOf(document)) {
    const isComing = all.some((one) => one.kind.kind === named && one.document.metadata.name === name);
    if (isComing || (await server.thing(named, name)) !== undefined) continue;
    const reason = `there is no ${named.toLowerCase()} '${name}', and no document describes one`;
    return { kind, title, action: 'impossible', reason, path };
  }
  return stepFor(desired, await kind.find(server, document), owner);
};

/** What this owner applied once and describes no more. Only its label says so: nothing else is ever deleted. */
const leftOver = async (server: Server, desired: readonly Desired[], owner: string): Promise<Step[]> => {
  const described = new Set(desired.map(({ title }) => title));
  const steps: Step[] = [];
  for (const kind of documentKinds.toReversed()) {
    if (kind.labelsAt === undefined) continue;
    for (const current of await kind.all(server, { owner })) {
      const isOwn = labelsOf(kind, current.document)[ownerLabel] === owner;
      if (isOwn && !described.has(current.title)) steps.push({ kind, title: current.title, action: 'delete', current });
    }
  }
  return steps;
};
