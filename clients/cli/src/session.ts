// What every command needs: the server, the format people asked for, and a way to say things.
import type { Command } from 'commander';
import { z } from 'zod';
import { usageError } from './cli-error.ts';
import { type Client, clientOf } from './client.ts';
import { connection } from './connection.ts';
import { type Environment, environment } from './env.ts';
import { encoded, type Format, formats, print } from './output.ts';

const GlobalOptions = z.looseObject({
  output: z.enum(formats).default('table'),
  server: z.string().optional(),
  key: z.string().optional(),
});

export type Session = {
  readonly client: Client;
  readonly environment: Environment;
  readonly format: Format;
  /** Prints a value as JSON or YAML where that was asked for, otherwise as the text for people. */
  readonly show: (value: unknown, text: () => string) => void;
};

/** How answers are to be printed, for commands that need no server. */
export const formatOf = (command: Command): Format => {
  const { output } = GlobalOptions.parse(command.optsWithGlobals());
  if (output === 'markdown') throw usageError('-o markdown is for diff; use json, yaml or table');
  return output;
};

export const isMarkdown = (command: Command): boolean =>
  GlobalOptions.parse(command.optsWithGlobals()).output === 'markdown';

export const sessionOf = async (command: Command): Promise<Session> => {
  const format = formatOf(command);
  const { client, environment: env } = await clientFor(command);
  return {
    client,
    environment: env,
    format,
    show: (value, text) => print(format === 'table' ? text() : encoded(format, value)),
  };
};

/** The server alone, for a command that has a format of its own. */
export const clientFor = async (command: Command): Promise<Pick<Session, 'client' | 'environment'>> => {
  const env = environment();
  return { client: clientOf(await connection(GlobalOptions.parse(command.optsWithGlobals()), env)), environment: env };
};
