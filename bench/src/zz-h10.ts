import { measureBots } from './ten-thousand-bots.ts';
import { withMolthub } from './molthub.ts';
import { copyFile } from 'node:fs/promises';
const n = Number(process.argv[2] ?? 1000);
await withMolthub(async (m) => {
  console.error('pid', m.pid(), m.home);
  await measureBots(m, n, (l) => console.log(JSON.stringify(l)));
  const { execSync } = await import('node:child_process');
  const ep = JSON.parse((await import('node:fs')).readFileSync(m.home + '/endpoints.json', 'utf8'));
  console.log(
    execSync(
      `/tmp/n /tmp/h10s.mjs '${ep.postgres}'; ps -o pid,time,args -C postgres --sort=-time | head -20; cat /proc/${m.pid()}/smaps_rollup | head -8`,
    ).toString(),
  );
  process.kill(m.pid(), 'SIGUSR1');
  await new Promise((r) => setTimeout(r, 2000));
  const list: any = await (await fetch('http://127.0.0.1:9229/json')).json().catch(() => []);
  const ws = new WebSocket(list[0].webSocketDebuggerUrl);
  await new Promise((r) => {
    ws.onopen = r;
  });
  let id = 0;
  const call = (method: string, params = {}) =>
    new Promise<any>((resolve) => {
      const my = ++id;
      ws.addEventListener('message', (e: any) => {
        const x = JSON.parse(e.data);
        if (x.id === my) resolve(x.result);
      });
      ws.send(JSON.stringify({ id: my, method, params }));
    });
  const mem = async () =>
    (await call('Runtime.evaluate', { expression: 'JSON.stringify(process.memoryUsage())' })).result.value;
  console.log(await mem());
  await call('HeapProfiler.enable');
  await call('HeapProfiler.collectGarbage');
  console.log(await mem());
  console.log(execSync(`cat /proc/${m.pid()}/smaps_rollup | head -8`).toString());
  ws.close();
});
