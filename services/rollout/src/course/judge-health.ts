// What the health of the bots that have moved says of a wave. Pure.
import type { HealthGate, Share } from '@molthub/contracts';
import type { GateSeen } from './judge.ts';

/** Bots that run what is new, by how they say they are on exactly that; `unknown` ones have not said anything yet. */
export type HealthCounted = {
  readonly healthy: number;
  readonly degraded: number;
  readonly unhealthy: number;
  readonly unknown: number;
  /** The first few that are unwell, with what they say. */
  readonly unwell: readonly string[];
};

/** Bots that were to run what is new: those that do not, and those of this wave that may come to. */
export type NotMoved = { readonly failed: number; readonly open: number };

export const judgeHealth = (gate: HealthGate, seen: HealthCounted, { failed, open }: NotMoved): GateSeen => {
  const { healthy, degraded, unhealthy, unknown, unwell } = seen;
  const moved = healthy + degraded + unhealthy + unknown;
  const said = moved - unknown;
  const as = (verdict: GateSeen['verdict'], message: string): GateSeen => ({
    gate: 'HEALTH',
    verdict,
    message,
    evidence: { healthy, degraded, unhealthy, unknown, unwell: [...unwell] },
  });
  if (unhealthy > (gate.unhealthyMax ?? 0)) {
    return as('FAIL', `${unhealthy} of ${moved} moved bots ${verb(unhealthy)} unhealthy: ${unwell.join('; ')}.`);
  }
  if (moved === 0) {
    if (open > 0) return as('NO_DATA', 'No bot runs what is new yet.');
    return failed > 0 ? as('NO_DATA', 'No bot that was to move runs what is new.') : as('PASS', 'No bot had to move.');
  }
  const needed = gate.minBots ? countOf(gate.minBots, moved) : moved;
  if (said < needed) {
    return as('NO_DATA', `${said} of ${moved} moved bots ${verb(said)} known to be on what is new; ${needed} must be.`);
  }
  if (degraded > 0)
    return as('INCONCLUSIVE', `${degraded} of ${moved} moved bots ${verb(degraded)} degraded: ${unwell.join('; ')}.`);
  return as('PASS', `${healthy} of ${moved} moved bots ${verb(healthy)} healthy.`);
};

const verb = (bots: number): string => (bots === 1 ? 'is' : 'are');

/** Of so many bots: at least one, and never more than there are. */
const countOf = (share: Share, of: number): number =>
  Math.min(of, 'count' in share ? share.count : Math.max(1, Math.ceil((share.percent * of) / 100)));
