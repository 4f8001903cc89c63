// How often the judge of canaries is wrong, and how fast it judges. Seeded: the shares are the same on every machine.
import { loadavg } from 'node:os';
import { classify, scoreOf } from '@molthub/canary';
import { type Rehearsal, seeded, sharesOf, usual } from '@molthub/rollout-service/simulated-traces';
import { countCpu } from './cpu.ts';
import { type Figure, measured, median } from './measured.ts';

const falseAlarmRuns = 20_000;
const powerRuns = 2_000;
const speedRuns = 20;
const [measures, points] = [100, 1_000];

export const judging: Figure = {
  name: 'judging',
  about:
    'false alarms of ten looks (goal: 5 % at most), what is found, 100 measures × 2 × 1,000 points (floor: 200 ms)',
  measure: async (report) => {
    const same: Rehearsal = { canary: usual, control: usual, botsEach: 2, minutes: 40 };
    const nothing = { errorRateIncreaseMax: 0, latencyIncreaseMax: 0, tokensIncreaseMax: 0, costIncreaseMax: 0 };
    const longer = { ...same, minutes: 80 };
    const doubled = { ...longer, canary: { ...usual, errorRate: 2 * usual.errorRate } };
    const rare = { ...usual, errorRate: 0.005 };
    const differing = { ...usual, betweenBots: 0.3 };
    const of = (bots: number) => ({ canary: differing, control: differing, botsEach: bots, minutes: 20 });
    const cases: readonly (readonly [string, number, Rehearsal, object])[] = [
      ['no change, nothing allowed', falseAlarmRuns, same, nothing],
      ['no change, gate as by default', falseAlarmRuns, same, {}],
      ['no change, failures rare, gate as by default', powerRuns, { ...same, canary: rare, control: rare }, {}],
      ['no change, 10 bots each that differ by 30 %, nothing allowed', powerRuns, of(10), nothing],
      ['no change, 2 bots each that differ by 30 %, gate as by default', powerRuns, of(2), {}],
      ['error rate 5 % doubled, 960 requests a side', powerRuns, doubled, {}],
      ['latency half as long again', powerRuns, { ...same, canary: { ...usual, latencyMs: 300 } }, {}],
    ];
    for (const [name, runs, rehearsal, gate] of cases) {
      const { failed, passedFirst } = sharesOf(runs, 1, rehearsal, gate);
      report(measured(`judged FAIL: ${name}`, 'share', [failed], { simulations: runs, looks: 10, passedFirst }));
    }
    const { took, cpuMs } = await speed();
    const context = { floor: 200, cpuMs: median(cpuMs), load: loadavg()[0] };
    report(measured(`${measures} measures of 2 × ${points} points judged`, 'ms', took, context));
  },
};

const speed = async () => {
  const random = seeded(2);
  const sample = () => Array.from({ length: points }, () => 200 * Math.exp(random() + random() - random()));
  const all = Array.from({ length: measures }, (_, at) => ({ name: `m${at}`, canary: sample(), control: sample() }));
  const judge = () =>
    scoreOf(
      all.map(({ name, canary, control }) => ({
        name,
        groups: [name],
        ...classify({ canary, control, direction: 'either' }),
      })),
      new Map(),
    );
  judge();
  const [took, cpuMs]: [number[], number[]] = [[], []];
  for (let run = 0; run < speedRuns; run += 1) {
    const used = await countCpu([]);
    const began = performance.now();
    judge();
    took.push(performance.now() - began);
    cpuMs.push((await used()).ownMs);
  }
  return { took, cpuMs };
};
