// Sends a service's log to the bus again.
import type { Command } from 'commander';
import { ServiceName } from '@molthub/contracts';
import { Loose } from '../answers.ts';
import { usageError } from '../cli-error.ts';
import { note } from '../output.ts';
import { sessionOf } from '../session.ts';

export const republish = async (service: string, command: Command): Promise<void> => {
  const name = ServiceName.safeParse(service);
  if (!name.success) throw usageError(`there is no service '${service}'; use one of ${ServiceName.options.join(', ')}`);
  const { client } = await sessionOf(command);
  await client.post(Loose, `/bus/${name.data}/republish`);
  note(`the log of ${name.data} is being sent to the bus again; readers know what they have seen`);
};
