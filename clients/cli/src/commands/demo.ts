// A living fleet on one command: starts Molthub where none answers, brings bots up, changes one, says what to look at.
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import pc from 'picocolors';
import { CliError } from '../cli-error.ts';
import { demoFleetName } from '../demo-fleet.ts';
import { rollOutInWaves } from '../demo-rollouts.ts';
import { bringUp, changeOne, firstTrace } from '../demo-steps.ts';
import { note, print } from '../output.ts';
import { printable } from '../printable.ts';
import { type Session, sessionOf } from '../session.ts';
import { isOwn, isReady } from '../own-molthub.ts';
import { type Running, startProgram } from './up.ts';

type Options = { readonly bots: number; readonly real?: boolean };

const startTimeoutMs = 300_000;
const realBotPath = fileURLToPath(new URL('../../../../examples/first-bot.yaml', import.meta.url));

export const demo = async (options: Options, command: Command): Promise<void> => {
  const session = await sessionOf(command);
  const { server } = command.optsWithGlobals();
  if (server !== undefined || session.environment.server !== undefined) {
    if (await isReady(session.client)) return show(session, options);
    throw new CliError(`${session.client.connection.server} is not ready; 'molthub doctor' says why`);
  }
  if (await isOwn(session.client)) return show(session, options);
  const stranger = (await isReady(session.client)) ? session.client.connection.server : undefined;
  note(pc.dim(`no Molthub of ${session.environment.home} answers, so one is started there`));
  const program = startProgram(['up']);
  const gone = new AbortController();
  const ended = program.ended.finally(() => gone.abort());
  await withProgram({ ...program, ended }, started(command, stranger, gone.signal), options);
};

/** Shows the demo on a Molthub of its own, which then runs until it is stopped. */
const withProgram = async (program: Running, ready: Promise<Session>, options: Options): Promise<void> => {
  const work = ready.then((session) => show(session, options));
  try {
    await Promise.race([work, program.ended.then(endedEarly)]);
  } catch (error) {
    program.stop();
    await program.ended;
    throw error;
  }
  note(pc.dim('\nMolthub runs until you press Ctrl-C'));
  process.exitCode = await program.ended;
};

const endedEarly = (code: number): never => {
  throw new CliError(`Molthub ended (exit code ${code}) before the demo did`, { exitCode: code === 0 ? 0 : 1 });
};

/**
 * Its address and key are read anew each time: both are written while it starts. An address that the home still names
 * from an earlier start, and where another's Molthub answers now, is left alone: it would count our key as an attack.
 */
const started = async (command: Command, stranger: string | undefined, gone: AbortSignal): Promise<Session> => {
  const end = Date.now() + startTimeoutMs;
  for (;;) {
    const session = await sessionOf(command);
    if (session.client.connection.server !== stranger && (await isOwn(session.client))) return session;
    if (gone.aborted) throw new CliError('Molthub ended before it was ready');
    if (Date.now() > end) throw new CliError(`Molthub was not ready after ${startTimeoutMs / 1_000} s`);
    await wait(250);
  }
};

const show = async ({ client }: Session, options: Options): Promise<void> => {
  await bringUp(client, options.bots, options.real === true ? realBotPath : undefined);
  const { bot, changeSetId } = await changeOne(client);
  const [better, worse] = await rollOutInWaves(client);
  const trace = await firstTrace(client);
  const hints: [string, string][] = [
    ['status', 'the fleet in short'],
    ['get bots', 'every bot, with status and health'],
    [`describe bot ${demoFleetName}/${printable(bot.name)}`, 'one bot, with its timeline'],
    ["events tail --types 'reconciler.>'", 'drift, crashes and healing as they happen'],
    ...(changeSetId
      ? [[`rollout status ${changeSetId}`, 'the change that was just rolled out'] satisfies [string, string]]
      : []),
    ...(better ? [[`rollout status ${better}`, 'a rollout in waves, wave by wave'] satisfies [string, string]] : []),
    ...(worse ? [[`rollout status ${worse}`, 'one that went back by itself, and why'] satisfies [string, string]] : []),
    ['holds list', 'the bot that was taken back'],
    ['trace list', 'what the bots did'],
    ...(trace ? [[`trace show ${printable(trace)}`, 'one request, as a waterfall'] satisfies [string, string]] : []),
  ];
  const width = Math.max(...hints.map(([text]) => text.length));
  print(`\n${pc.bold('Look at it from another terminal, in this folder:')}`);
  for (const [text, about] of hints) print(`  npx molthub ${text.padEnd(width)}  ${pc.dim(about)}`);
  if (trace === undefined) note('no trace has arrived yet; `npx molthub trace list` shows them when they do');
};
