import { measureBots } from './ten-thousand-bots.ts';
import { withMolthub } from './molthub.ts';
const n = Number(process.argv[2] ?? 1000);
await withMolthub((m) => {
  console.error('pid', m.pid(), m.home);
  return measureBots(m, n, (l) => console.log(JSON.stringify(l)));
});
