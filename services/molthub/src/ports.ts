// A taken port is said before anything is started.
import { createServer } from 'node:net';

/** Throws one line that names the port and the variable that chooses another. */
export const assertPortsFree = async (
  wanted: readonly { readonly port: number; readonly variable: string }[],
): Promise<void> => {
  for (const { port, variable } of wanted) {
    if (port === 0) continue;
    if (!(await isFree(port))) {
      throw new Error(
        `port ${port} is taken by another program; stop that one, or choose another port with ${variable}.`,
      );
    }
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
