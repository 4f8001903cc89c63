#!/usr/bin/env node
// The command line of Molthub. Commands are loaded when they are called, so that a small one starts at once.
import { CommanderError } from 'commander';
import pc from 'picocolors';
import { CliError, exitCodes, toldOnce } from './cli-error.ts';
import { printable, printableLines } from './printable.ts';
import { program } from './program.ts';

const tell = (error: CliError): void => {
  const told = toldOnce(error);
  process.stderr.write(`${pc.red('molthub:')} ${printable(told.message)}\n`);
  for (const { path, message } of told.problems) {
    process.stderr.write(`  ${printable(path === '' ? message : `${path}: ${message}`)}\n`);
  }
  if (!program.opts()['verbose']) return;
  if (error.correlationId) process.stderr.write(`  correlationId: ${printable(error.correlationId)}\n`);
  if (error.cause instanceof Error) process.stderr.write(`  ${printableLines(error.cause.stack ?? '')}\n`);
};

// `molthub get bots | head -1` closes the pipe early; that is no failure.
process.stdout.on('error', (error) => {
  if ('code' in error && error.code === 'EPIPE') process.exit(exitCodes.ok);
  throw error;
});

try {
  await program.parseAsync();
} catch (error) {
  // Commander has told its own usage errors by now; help and version end with 0.
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  else if (error instanceof CliError) {
    tell(error);
    process.exitCode = error.exitCode;
  } else throw error;
}
