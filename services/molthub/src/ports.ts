// A taken port is said before anything is started.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { z } from 'zod';

/** Throws one line that names the port and the variable that chooses another, or says that this home runs already. */
export const assertPortsFree = async (
  home: string,
  wanted: readonly { readonly port: number; readonly variable: string }[],
): Promise<void> => {
  for (const { port, variable } of wanted) {
    if (port === 0 || (await isFree(port))) continue;
    const api = await runningApi(home);
    if (api) throw new Error(`Molthub runs in this home already, at ${api}; stop that one first.`);
    throw new Error(
      `port ${port} is taken by another program; stop that one, or choose another port with ${variable}.`,
    );
  }
};

const Endpoints = z.object({ api: z.url() });

/** Where this home's Molthub answers; only that one takes the key of this home. Undefined where none does. */
const runningApi = async (home: string): Promise<string | undefined> => {
  try {
    const { api } = Endpoints.parse(JSON.parse(await readFile(join(home, 'endpoints.json'), 'utf8')));
    const key = (await readFile(join(home, 'admin.key'), 'utf8')).trim();
    const headers = { authorization: `Bearer ${key}` };
    const answer = await fetch(`${api}/api/v1/workspaces`, { headers, signal: AbortSignal.timeout(3_000) });
    return answer.ok ? api : undefined;
  } catch {
    // No such files, or nobody who answers: then it is another program, which the caller says.
    return undefined;
  }
};

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) => {
      if ('code' in error && (error.code === 'EADDRINUSE' || error.code === 'EACCES')) resolve(false);
      else reject(error);
    });
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
