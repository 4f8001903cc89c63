// Compares documents with the server, and says what would change.
import pc from 'picocolors';
import type { Client } from './client.ts';
import { concurrently } from './concurrently.ts';
import type { Desired } from './desired.ts';
import type { Server } from './document-kind.ts';
import { documentKinds } from './document-kinds.ts';
import { cell } from './output.ts';
import { type Step, stepFor } from './plan.ts';
import { printable } from './printable.ts';
import { serverOf } from './server-things.ts';
import { unreachable } from './unreachable.ts';
import { veiled } from './veiled.ts';

const readsAtOnce = 8;

/** One step per document: in the order of the kinds, and in each kind the order in which they were written. */
export const planFor = async (client: Client, desired: readonly Desired[]): Promise<Step[]> => {
  const server = serverOf(client);
  const ordered = documentKinds.flatMap((kind) => desired.filter((one) => one.kind === kind));
  return concurrently(ordered, readsAtOnce, (one) => planOne(server, one, desired));
};

const planOne = async (server: Server, desired: Desired, all: readonly Desired[]): Promise<Step> => {
  const { kind, document } = desired;
  for (const { kind: named, name } of kind.referencesOf(document)) {
    const isComing = all.some((one) => one.kind.kind === named && one.document.metadata.name === name);
    if (isComing || (await server.thing(named, name)) !== undefined) continue;
    const reason = `there is no ${named.toLowerCase()} '${name}', and no document describes one`;
    return { action: 'impossible', desired, reason };
  }
  return stepFor(desired, await kind.find(server, document));
};

/** The plan as people read it: one line per thing, one more per changed field, and the sum. */
export const planText = (plan: readonly Step[]): string => {
  const count = (action: Step['action']) => plan.filter((step) => step.action === action).length;
  const sum = `${count('create')} to create, ${count('change')} to change, ${count('unchanged')} unchanged`;
  return [...plan.flatMap(stepLines), sum].join('\n');
};

const stepLines = (step: Step): string[] => {
  const { title } = step.desired;
  switch (step.action) {
    case 'create':
      return [pc.green(`+ ${title}`)];
    case 'change':
      return [pc.yellow(`~ ${title}`), ...step.changes.map(({ path, from, to }) => changeLine(path, from, to))];
    case 'unchanged':
      return [pc.dim(`= ${title}`)];
    case 'impossible':
      return [pc.red(`! ${title}`)];
    default:
      return unreachable(step);
  }
};

const changeLine = (path: string, from: unknown, to: unknown): string =>
  `    ${printable(path)}: ${pc.red(cell(veiled(from, path)))} → ${pc.green(cell(veiled(to, path)))}`;
