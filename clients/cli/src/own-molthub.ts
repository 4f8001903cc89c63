// Whether the Molthub that answers is the one of this home: on the port of another's, another's may answer.
import { Loose } from './answers.ts';
import { CliError } from './cli-error.ts';
import type { Client } from './client.ts';

/** Whether a server is there that can serve. */
export const isReady = async (client: Client): Promise<boolean> => {
  try {
    return (await client.probe('/readyz')).status === 200;
  } catch (error) {
    if (error instanceof CliError) return false;
    throw error;
  }
};

/**
 * Whether a Molthub runs that was started in this home: it is where the home says, and takes the home's key. A key that
 * somebody named proves nothing about the home, so its refusal is thrown.
 */
export const isOwn = async (client: Client): Promise<boolean> => {
  const { isOfHome, key, isKeyNamed } = client.connection;
  if (!isOfHome || key === undefined || !(await isReady(client))) return false;
  try {
    await client.all(Loose, '/fleets', {}, 1);
    return true;
  } catch (error) {
    if (!(error instanceof CliError) || (error.status === 401 && isKeyNamed)) throw error;
    return false;
  }
};
