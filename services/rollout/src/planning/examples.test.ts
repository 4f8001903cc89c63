// The request bodies of examples/rollouts, and what docs/rollouts.md says they make of ten bots.
import { readdirSync, readFileSync } from 'node:fs';
import { CreateChangeSet } from '@molthub/contracts';
import { expect, test } from 'vitest';
import { assignWaves, type Plannable } from './assign-waves.ts';
import { checkPace, settleStrategy } from '@molthub/strategy';

const root = new URL('../../../../', import.meta.url);
const folder = new URL('examples/rollouts/', root);
const page = readFileSync(new URL('docs/rollouts.md', root), 'utf8');
const Body = CreateChangeSet.data.omit({ changeSetId: true });

/** The ten bots of the page: two of the ring inner, three of early, and five of a tenant each half. */
const bots: readonly Plannable[] = Array.from({ length: 10 }, (_, at) => ({
  botId: `id-${at}`,
  botName: `bot-${at}`,
  labels: { tenant: at % 2 === 0 ? 'north' : 'south', ...(at < 5 ? { ring: at < 2 ? 'inner' : 'early' } : {}) },
}));

test.each(readdirSync(folder))('examples/rollouts/%s is planned as the page says', (file) => {
  const { strategy } = Body.parse(JSON.parse(readFileSync(new URL(file, folder), 'utf8')));
  const settled = settleStrategy(strategy);
  checkPace(settled, bots.length);
  const { waves, notes } = assignWaves(settled, bots, 'salt');
  const told = new RegExp(`^\\| \`${file}\` \\| .* \\| (?<sizes>[\\d, ]+) \\|$`, 'm').exec(page)?.groups?.['sizes'];
  expect(waves.map((wave) => wave.length).join(', ')).toBe(told);
  // An example is as it is meant: nothing about it has to be explained, but that ALL tries nothing first.
  expect(notes).toEqual([]);
});
