// What every command needs: the server, the format people asked for, and a way to say things.
import type { Command } from 'commander';
import { z } from 'zod';
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
export const formatOf = (command: Command): Format => GlobalOptions.parse(command.optsWithGlobals()).output;

export const sessionOf = async (command: Command): Promise<Session> => {
  const options = GlobalOptions.parse(command.optsWithGlobals());
  const env = environment();
  return {
    client: clientOf(await connection(options, env)),
    environment: env,
    format: options.output,
    show: (value, text) => print(options.output === 'table' ? text() : encoded(options.output, value)),
  };
};
