import { z } from 'zod';
import { ruleType } from './rule-type.ts';

/** The manifest asks for no more network than is allowed: what may come in, and what may go out. */
export const requireNetworkIsolation = ruleType({
  type: 'require_network_isolation',
  about: 'spec.network asks for no more than is allowed, inwards and outwards.',
  parameters: z.strictObject({
    allowedInbound: z
      .array(z.enum(['NONE', 'WEBHOOK', 'PUBLIC']))
      .min(1)
      .default(['NONE', 'WEBHOOK']),
    allowedEgress: z
      .array(z.enum(['NONE', 'RESTRICTED', 'DEFAULT']))
      .min(1)
      .default(['NONE', 'RESTRICTED']),
  }),
  judge:
    ({ allowedInbound, allowedEgress }) =>
    ({ spec: { network } }) => {
      // Secure defaults write the section; a manifest without it says nothing, and nothing can be concluded from that.
      const judged = (field: 'inbound' | 'egressPreset', value: string | undefined, allowed: readonly string[]) =>
        value !== undefined && allowed.includes(value)
          ? []
          : [
              {
                path: `spec.network.${field}`,
                message: `spec.network.${field} must be ${allowed.join(' or ')}.`,
                currentValue: value,
                suggestedValue: allowed[0] ?? null,
              },
            ];
      return [
        ...judged('inbound', network?.inbound, allowedInbound),
        ...judged('egressPreset', network?.egressPreset, allowedEgress),
      ];
    },
});
