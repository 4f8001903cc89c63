import { openclawConfig, ownValue } from './openclaw-config.ts';
import { type Judge, noParameters, ruleType } from './rule-type.ts';

/**
 * The gateway of every bot asks for its token, which Molthub makes, keeps and sets; absent means just that. `none` lets
 * everybody in; `trusted-proxy` believes a header; a password would lock Molthub itself out.
 */
export const requireGatewayAuth = ruleType({
  type: 'require_gateway_auth',
  about: 'An OpenClaw’s gateway asks for its token: gateway.auth.mode is absent or "token".',
  parameters: noParameters,
  judge: () => judge,
});

const judge: Judge = (resolved) => {
  const mode = ownValue(openclawConfig(resolved), 'gateway', 'auth', 'mode');
  if (mode === undefined || mode === 'token') return [];
  return [
    {
      path: 'spec.config.gateway.auth.mode',
      message: 'The gateway must ask for its token; remove this or write "token". Molthub sets the token itself.',
      currentValue: mode,
      suggestedValue: 'token',
    },
  ];
};
