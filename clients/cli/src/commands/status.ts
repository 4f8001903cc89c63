// The control plane, the fleets and the bots in short.
import type { Command } from 'commander';
import pc from 'picocolors';
import { Bot, Fleet, isConverged } from '../answers.ts';
import { amount, cell, status as coloured, table } from '../output.ts';
import { printable } from '../printable.ts';
import { readinessOf } from '../readiness.ts';
import { sessionOf } from '../session.ts';

export const status = async (command: Command): Promise<void> => {
  const { client, show } = await sessionOf(command);
  const probe = await client.probe('/readyz');
  const parts = readinessOf(probe.body);
  const [fleets, bots] = await Promise.all([client.all(Fleet, '/fleets'), client.all(Bot, '/bot-instances')]);
  const summary = {
    server: client.connection.server,
    ready: probe.status === 200,
    notReady: parts.filter((part) => !part.ready),
    fleets: fleets.map((fleet) =>
      fleetSummary(
        fleet,
        bots.filter((bot) => bot.fleetId === fleet.id),
      ),
    ),
    bots: { total: bots.length, ...summaryOf(bots) },
  };
  show(summary, () => {
    const head = `${summary.server}  ${summary.ready ? pc.green('ready') : pc.red('not ready')}`;
    const broken = summary.notReady.map((part) => `  ${pc.red(printable(part.name))}  ${printable(part.detail)}`);
    const rows =
      summary.fleets.length === 0
        ? 'no fleets yet: npx molthub apply -f examples/first-bot.yaml'
        : fleetTable(summary.fleets);
    const total = `${amount(bots.length, 'bot')}: ${counted(summary.bots.status)}; health ${counted(summary.bots.health)}; ${summary.bots.converged} converged`;
    return [head, ...broken, '', rows, ...(bots.length === 0 ? [] : ['', total])].join('\n');
  });
};

type Counts = Readonly<Record<string, number>>;
type FleetSummary = ReturnType<typeof fleetSummary>;

const summaryOf = (bots: readonly Bot[]) => ({
  status: countsOf(bots.map((bot) => bot.status)),
  health: countsOf(bots.map((bot) => bot.health)),
  converged: bots.filter(isConverged).length,
});

const fleetSummary = (fleet: Fleet, bots: readonly Bot[]) => ({
  id: fleet.id,
  name: fleet.name,
  environment: fleet.environment,
  fleetStatus: fleet.status,
  bots: bots.length,
  ...summaryOf(bots),
});

const fleetTable = (fleets: readonly FleetSummary[]): string =>
  table<FleetSummary>(
    [
      { title: 'FLEET', of: (fleet) => cell(fleet.name) },
      { title: 'ENVIRONMENT', of: (fleet) => cell(fleet.environment) },
      { title: 'STATUS', of: (fleet) => coloured(fleet.fleetStatus) },
      { title: 'BOTS', of: (fleet) => String(fleet.bots) },
      { title: 'CONVERGED', of: (fleet) => String(fleet.converged) },
      { title: 'BY STATUS', of: (fleet) => counted(fleet.status) },
      { title: 'BY HEALTH', of: (fleet) => counted(fleet.health) },
    ],
    fleets,
  );

const countsOf = (words: readonly string[]): Counts => {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return Object.fromEntries([...counts].sort(([, a], [, b]) => b - a));
};

const counted = (counts: Counts): string =>
  Object.entries(counts)
    .map(([word, count]) => `${count} ${coloured(word)}`)
    .join(', ') || '–';
