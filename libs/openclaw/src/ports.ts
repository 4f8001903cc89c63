// Ports for bots. A bot uses its port, port + 2 and a range up to port + 110, so neighbours keep their distance.
import { createServer } from 'node:net';
import { Rejected } from '@molthub/decider';

export const PORT_DISTANCE = 120;
const FIRST_PORT = 18_789;
const LAST_PORT = 65_535 - PORT_DISTANCE;
/** Offsets a bot listens on from its start: the gateway, and on older versions the browser control. */
const OFFSETS = [0, 2];

/**
 * The lowest port, counted in steps of 120 from `base` (default 18789), that keeps its distance from all `taken` ones
 * and
 * on which one can really listen now. Callers remember it before they ask again. Throws `Rejected` when none is left.
 */
export async function pickPort(request: {
  readonly taken: readonly number[];
  readonly base?: number;
}): Promise<number> {
  const base = request.base ?? FIRST_PORT;
  for (let port = base; port <= LAST_PORT; port += PORT_DISTANCE) {
    const crowded = request.taken.some((other) => Math.abs(other - port) < PORT_DISTANCE);
    if (!crowded && (await allBindable(port))) return port;
  }
  throw new Rejected(
    'openclaw.no-port',
    `No free port is left between ${base} and ${LAST_PORT}; remove a bot on this machine`,
  );
}

async function allBindable(port: number): Promise<boolean> {
  for (const offset of OFFSETS) {
    if (!(await bindable(port + offset, '127.0.0.1')) || !(await bindable(port + offset, '::1'))) return false;
  }
  return true;
}

function bindable(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => {
      const code = 'code' in error ? error.code : '';
      // A machine without IPv6 has nobody listening there either.
      resolve(host === '::1' && (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT'));
    });
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
