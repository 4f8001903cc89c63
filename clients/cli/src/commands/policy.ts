// What policy says: of manifests in files, before they are proposed, and of every bot, before a pack is switched on.
import { type Conflict, Conflicts, DryRun, Environment, Verdict, type Violation } from '@molthub/contracts';
import type { Command } from 'commander';
import pc from 'picocolors';
import { Fleet } from '../answers.ts';
import { CliError, usageError } from '../cli-error.ts';
import type { Client } from '../client.ts';
import { concurrently } from '../concurrently.ts';
import type { Desired } from '../desired.ts';
import { BotDocument, botKind } from '../document-kinds/bot.ts';
import { FleetDocument, fleetKind } from '../document-kinds/fleet.ts';
import { find, Identified } from '../find.ts';
import { kindOf } from '../kinds.ts';
import { desiredFrom } from '../manifest-files.ts';
import { packNames } from '../names.ts';
import { cell, note, table } from '../output.ts';
import { printable } from '../printable.ts';
import { sessionOf } from '../session.ts';

type EvaluateOptions = { readonly file: readonly string[]; readonly pack?: string; readonly environment?: string };
type Judged = { readonly title: string; readonly verdict: Verdict };

const asksAtOnce = 8;

export const evaluate = async (options: EvaluateOptions, command: Command): Promise<void> => {
  const desired = await desiredFrom(options.file);
  const bots = desired.filter(({ kind }) => kind === botKind);
  if (bots.length === 0) throw usageError('there is no MoltbotInstance in these files, so nothing can be judged');
  const { client, show } = await sessionOf(command);
  const environmentOf = await environments(client, desired, options.environment);
  const pack =
    options.pack === undefined
      ? {}
      : { policyPackId: (await find(client, kindOf('policy-packs'), options.pack, Identified)).id };
  const judged = await concurrently(bots, asksAtOnce, async (bot): Promise<Judged> => {
    const body = { manifest: bot.document, ...pack, ...environmentOf(bot) };
    return { title: bot.title, verdict: await client.post(Verdict, '/policy-packs/evaluate', body) };
  });
  const found = judged.flatMap(({ verdict }) => [...verdict.violations, ...verdict.warnings]);
  const packName = await packNames(client, found);
  show(
    judged.map(({ title, verdict }) => ({ title, ...verdict })),
    () => judged.flatMap((one) => linesOf(one, packName)).join('\n'),
  );
  const denied = judged.filter(({ verdict }) => !verdict.valid).length;
  if (denied > 0) throw new CliError(`${denied} of ${judged.length} denied`);
};

type EnvironmentOf = (bot: Desired) => { readonly environment?: Environment };

/** Rules differ by environment: the one asked for, else that of the fleet, in these files or on the server. */
const environments = async (
  client: Client,
  desired: readonly Desired[],
  asked: string | undefined,
): Promise<EnvironmentOf> => {
  if (asked !== undefined) {
    const environment = Environment.safeParse(asked);
    if (!environment.success) throw usageError(`there is no environment '${asked}'; use dev, staging or prod`);
    return () => ({ environment: environment.data });
  }
  const written = desired.filter(({ kind }) => kind === fleetKind).map(({ document }) => FleetDocument.parse(document));
  const known = new Map(written.map(({ metadata, spec }) => [metadata.name, spec.environment]));
  const fleetOf = ({ document }: Desired) => BotDocument.parse(document).metadata.fleet;
  const names = desired.filter(({ kind }) => kind === botKind).map(fleetOf);
  const missing = [...new Set(names)].filter((name) => !known.has(name));
  const found = await concurrently(missing, asksAtOnce, (name) => client.all(Fleet, '/fleets', { name }, 1));
  for (const { name, environment } of found.flat()) known.set(name, environment);
  return (bot) => {
    const environment = known.get(fleetOf(bot));
    return environment === undefined ? {} : { environment };
  };
};

type NameOf = (packId: string) => string;

const linesOf = ({ title, verdict }: Judged, packName: NameOf): string[] => [
  `${verdict.valid ? pc.green('passed') : pc.red('denied')}  ${printable(title)}  (${verdict.packs.length} packs)`,
  ...verdict.violations.map((violation) => lineOf(violation, packName, pc.red)),
  ...verdict.warnings.map((violation) => lineOf(violation, packName, pc.yellow)),
];

const lineOf = (
  { action = 'deny', packId, ruleId, path, message }: Violation,
  packName: NameOf,
  colour: (text: string) => string,
) =>
  `  ${colour(action.padEnd(5))}  ${printable(`${packName(packId)}/${ruleId}`)}  ${printable(path)}  ${printable(message)}`;

export const dryRun = async (name: string, command: Command): Promise<void> => {
  const { client, show } = await sessionOf(command);
  const pack = await find(client, kindOf('policy-packs'), name, Identified);
  const result = await client.post(DryRun, `/policy-packs/${pack.id}/dry-run`);
  show(result, () => {
    const { bots, targeted, denied, warned } = result.counts;
    const sum = `${targeted} of ${bots} bots are judged by it: ${denied} would be denied, ${warned} warned`;
    return result.items.length === 0 ? sum : `${table(columns, result.items)}\n\n${sum}`;
  });
  if (!result.isComplete) note(`only the worst ${result.items.length} are listed`);
};

type Item = DryRun['items'][number];
const columns = [
  { title: 'BOT', of: ({ name }: Item) => cell(name) },
  { title: 'ENVIRONMENT', of: ({ environment }: Item) => environment },
  { title: 'VIOLATIONS', of: ({ counts }: Item) => String(counts.violations) },
  { title: 'WARNINGS', of: ({ counts }: Item) => String(counts.warnings) },
  { title: 'FIRST', of: ({ violations, warnings }: Item) => cell([...violations, ...warnings][0]?.message) },
];

export const conflicts = async (command: Command): Promise<void> => {
  const { client, show } = await sessionOf(command);
  const found = await client.get(Conflicts, '/policy-packs/conflicts');
  show(found, () => (found.items.length === 0 ? 'no conflicts' : table(conflictColumns, found.items)));
  if (!found.isComplete) note(`only the first ${found.items.length} are listed`);
  if (found.items.length > 0) throw new CliError(`${found.items.length} conflicts`);
};

const ruleAt = (index: number) => (conflict: Conflict) => {
  const rule = conflict.rules[index];
  return rule === undefined ? '' : cell(`${rule.packName}/${rule.ruleId}`);
};
const conflictColumns = [
  { title: 'KIND', of: ({ kind }: Conflict) => kind },
  { title: 'RULE', of: ruleAt(0) },
  { title: 'AND', of: ruleAt(1) },
  { title: 'PATH', of: ({ path }: Conflict) => cell(path) },
  { title: 'WHY', of: ({ message }: Conflict) => cell(message) },
];
