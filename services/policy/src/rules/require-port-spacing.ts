import { z } from 'zod';
import { openclawConfig, ownValue } from './openclaw-config.ts';
import { ruleType } from './rule-type.ts';

/** The distance that target local keeps between the ports of two bots: an OpenClaw uses up to 110 above its own. */
const keptByMolthub = 120;

/**
 * Neighbours' ports do not meet. Molthub itself chooses them, 120 apart, for every bot that names none; so a port that
 * is written is the one that could come too close. A wider gap than Molthub keeps cannot be asked for.
 */
export const requirePortSpacing = ruleType({
  type: 'require_port_spacing',
  about: 'gateway.port is left to Molthub, which keeps the ports of bots 120 apart.',
  parameters: z.strictObject({ minimumGap: z.int().min(1).max(keptByMolthub).default(keptByMolthub) }),
  judge:
    ({ minimumGap }) =>
    (resolved) => {
      const port = ownValue(openclawConfig(resolved), 'gateway', 'port');
      if (port === undefined) return [];
      const message = `Leave the port to Molthub, which keeps bots at least ${minimumGap} apart; remove this.`;
      return [
        { path: 'spec.config.gateway.port', message, currentValue: port, suggestedValue: null, suggestion: 'remove' },
      ];
    },
});
