// Started by tests as a process of its own: starts both servers below the home given as first argument, prints one JSON
// line, and holds them until it is told `stop` on its standard input, or is killed.
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { startEmbedded } from './embedded.ts';

const [home = '', path = '', natsServer = ''] = process.argv.slice(2);
try {
  const embedded = await startEmbedded({
    home,
    users: [{ name: 'tester' }],
    log: (line) => process.stderr.write(`${line}\n`),
    env: { PATH: path, NATS_SERVER_BIN: natsServer },
  });
  const { postgres, nats } = embedded;
  const held = {
    uid: process.getuid?.(),
    postgres: { url: postgres.url, pid: postgres.pid, port: postgres.port },
    nats: { url: nats.url, pid: nats.pid, port: nats.port, password: embedded.natsPasswords.get('tester') },
  };
  process.stdout.write(`${JSON.stringify(held)}\n`);
  await once(createInterface({ input: process.stdin }), 'line');
  await embedded.stop();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
process.stdin.destroy();
