import { openclawConfig, ownValue } from './openclaw-config.ts';
import { type Judge, noParameters, ruleType } from './rule-type.ts';

/**
 * The gateway listens on the loopback address only. Molthub reaches it there; everything wider (`lan`, `auto`, `tailnet`,
 * `custom`, or an address of earlier versions such as 0.0.0.0) offers the control surface to the network.
 */
export const requireGatewayHostBinding = ruleType({
  type: 'require_gateway_host_binding',
  about: 'An OpenClaw’s gateway listens on the loopback address only.',
  parameters: noParameters,
  judge: () => judge,
});

const judge: Judge = (resolved) => {
  const config = openclawConfig(resolved);
  const message = 'The gateway must listen on loopback only; remove this or write "loopback".';
  const bind = ownValue(config, 'gateway', 'bind');
  const host = ownValue(config, 'gateway', 'customBindHost');
  return [
    ...(bind === undefined || bind === 'loopback'
      ? []
      : [{ path: 'spec.config.gateway.bind', message, currentValue: bind, suggestedValue: 'loopback' }]),
    ...(host === undefined || host === '127.0.0.1' || host === '::1'
      ? []
      : [{ path: 'spec.config.gateway.customBindHost', message, currentValue: host, suggestedValue: '127.0.0.1' }]),
  ];
};
