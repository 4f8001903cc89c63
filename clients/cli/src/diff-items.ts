// A plan, or the difference between two states of some files, as people and programs read it. Secrets are not shown.
import pc from 'picocolors';
import type { Difference } from './differences.ts';
import { pathText } from './issue-words.ts';
import { cell } from './output.ts';
import type { Action, Step } from './plan.ts';
import { printable } from './printable.ts';
import { unreachable } from './unreachable.ts';
import { veiled } from './veiled.ts';

export type DiffItem = {
  readonly title: string;
  readonly kind: string;
  readonly action: Action;
  readonly changes?: readonly Difference[];
  readonly reason?: string;
};

export type Counts = Readonly<Record<Action, number>>;

export const itemOf = (step: Step): DiffItem => ({
  title: step.title,
  kind: step.kind.kind,
  action: step.action,
  ...('changes' in step ? { changes: step.changes.map(shown) } : {}),
  ...('reason' in step ? { reason: reasonOf(step) } : {}),
});

const reasonOf = (step: Extract<Step, { readonly reason: string }>): string =>
  'path' in step && step.path !== undefined ? `${pathText(step.path)}: ${step.reason}` : step.reason;

/** A difference without the secrets in it. */
export const shown = ({ path, from, to }: Difference): Difference => ({
  path,
  from: veiled(from, path),
  to: veiled(to, path),
});

export const countsOf = (items: readonly DiffItem[]): Counts => {
  const count = (action: Action) => items.filter((item) => item.action === action).length;
  return {
    create: count('create'),
    change: count('change'),
    delete: count('delete'),
    unchanged: count('unchanged'),
    held: count('held'),
    impossible: count('impossible'),
  };
};

export const hasChanges = ({ create, change, delete: deleted }: Counts): boolean => create + change + deleted > 0;

/** `1 to create, 0 to change, 3 unchanged`, and what else there is. */
export const sumText = (counts: Counts): string => {
  const more = [
    ...(counts.delete > 0 ? [`${counts.delete} to delete`] : []),
    ...(counts.held > 0 ? [`${counts.held} held`] : []),
    ...(counts.impossible > 0 ? [`${counts.impossible} impossible`] : []),
  ];
  return [`${counts.create} to create`, `${counts.change} to change`, ...more, `${counts.unchanged} unchanged`].join(
    ', ',
  );
};

/** One line per thing, one more per changed field, and the sum. */
export const diffText = (items: readonly DiffItem[]): string =>
  [...items.flatMap(lines), sumText(countsOf(items))].join('\n');

const lines = ({ title, action, changes = [], reason = '' }: DiffItem): string[] => {
  const name = printable(title);
  switch (action) {
    case 'create':
      return [pc.green(`+ ${name}`)];
    case 'change':
      return [pc.yellow(`~ ${name}`), ...changes.map(changeLine)];
    case 'delete':
      return [pc.red(`- ${name}`)];
    case 'unchanged':
      return [pc.dim(`= ${name}`)];
    case 'held':
      return [pc.yellow(`| ${name}: ${printable(reason)}`)];
    case 'impossible':
      return [pc.red(`! ${name}: ${printable(reason)}`)];
    default:
      return unreachable(action);
  }
};

const changeLine = ({ path, from, to }: Difference): string =>
  `    ${printable(path)}: ${pc.red(cell(from))} → ${pc.green(cell(to))}`;
