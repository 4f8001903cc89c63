// `npm run bench` measures every figure, `npm run bench name…` those; one JSON line for each.
import { figures } from './figures.ts';

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !figures.some((figure) => figure.name === name));
if (unknown.length > 0) {
  const known = figures.map((figure) => `  ${figure.name}: ${figure.about}`).join('\n');
  process.stderr.write(`bench: there is no figure ${unknown.join(', ')}. There are:\n${known}\n`);
  process.exit(2);
}
for (const figure of figures) {
  if (asked.length > 0 && !asked.includes(figure.name)) continue;
  process.stderr.write(`${figure.name}: ${figure.about}\n`);
  await figure.measure((line) => process.stdout.write(`${JSON.stringify(line)}\n`));
}
