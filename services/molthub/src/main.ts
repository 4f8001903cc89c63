// `up`: everything, on embedded servers. `serve [service…]`: those services (all by default), on servers of your own.
import { Socket } from 'node:net';
import { type ServiceName, services } from '@molthub/contracts';
import { readSettings, type Settings } from './env.ts';
import { startProgram } from './program.ts';
import { runningBots, stopBots } from './stop-bots.ts';

const usage = `usage: molthub up [--stop-bots] | molthub serve [${services.join('|')} …] [--stop-bots]`;

const parse = (args: readonly string[]) => {
  const flags = args.filter((arg) => arg.startsWith('-'));
  const [verb = 'up', ...rest] = args.filter((arg) => !arg.startsWith('-'));
  const known = services.filter(
    (service) => rest.includes(service) || (service === 'trace' && rest.includes('trace-ingest')),
  );
  const isUsable =
    flags.every((flag) => flag === '--stop-bots') &&
    (verb === 'up' ? rest.length === 0 : verb === 'serve' && known.length === rest.length);
  return isUsable ? { verb, names: known.length > 0 ? known : services, stopsBots: flags.length > 0 } : undefined;
};

const fail = (error: unknown): never => {
  process.stderr.write(`molthub: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
};

/** Resolves at SIGINT, SIGTERM, or when the process that started this one is gone. */
const untilTold = (lifelineFd: number | undefined): Promise<void> =>
  new Promise((resolve) => {
    // Kept for good: a second signal, from a terminal and from npm at once, must not cut the clean stop short.
    process.on('SIGINT', () => resolve());
    process.on('SIGTERM', () => resolve());
    if (lifelineFd === undefined) return;
    // A socket, not a file stream: a file's blocking read would hold a thread for ever, and the exit with it.
    const lifeline = new Socket({ fd: lifelineFd, readable: true, writable: false });
    lifeline.on('close', () => resolve());
    lifeline.on('error', () => resolve());
    lifeline.resume();
  });

const run = async (settings: Settings, names: readonly ServiceName[], stopsBots: boolean): Promise<void> => {
  const told = untilTold(settings.lifelineFd);
  const program = await startProgram(settings, names);
  const where = program.apiUrl ? `  ${program.apiUrl}  (API key in ${program.keyPath})` : `  (${names.join(', ')})`;
  process.stdout.write(`molthub ready${where}\n`);
  await told;
  process.stdout.write('molthub stopping\n');
  await program.stop();
  const bots = await runningBots(settings.home);
  if (stopsBots) await stopBots(bots);
  process.stdout.write(`molthub stopped${bots.length === 0 ? '' : afterwards(bots.length, stopsBots)}\n`);
};

const afterwards = (bots: number, stopped: boolean): string => {
  if (stopped) return bots === 1 ? ', and 1 bot with it' : `, and ${bots} bots with it`;
  return `; ${bots === 1 ? '1 bot keeps' : `${bots} bots keep`} running for the next start to take over`;
};

const parsed = parse(process.argv.slice(2));
if (!parsed) {
  process.stderr.write(`${usage}\n`);
  process.exit(2);
}
const { verb, names, stopsBots } = parsed;
try {
  const settings = readSettings();
  if (verb === 'serve' && !(settings.databaseUrl && settings.natsUrl)) {
    throw new Error('serve needs DATABASE_URL and NATS_URL; `up` brings servers of its own.');
  }
  await run(settings, names, stopsBots);
  process.exit(0);
} catch (error) {
  fail(error);
}
