import { openclawConfig, ownValue } from './openclaw-config.ts';
import { type Finding, type Judge, noParameters, ruleType } from './rule-type.ts';

/** Switches by which an OpenClaw's control surface answers people it does not know. */
const openDoors = ['dangerouslyDisableDeviceAuth', 'allowInsecureAuth', 'dangerouslyAllowHostHeaderOriginFallback'];

/**
 * Nobody outside reaches the surface that controls a bot. An OpenClaw's one port serves its control UI and its RPC, so
 * publishing that port publishes its administration.
 */
export const forbidPublicAdmin = ruleType({
  type: 'forbid_public_admin',
  about: 'The surface that controls a bot is offered to nobody outside.',
  parameters: noParameters,
  judge: () => judge,
});

const judge: Judge = (resolved) => {
  const { network, policies, runtime } = resolved.spec;
  const config = openclawConfig(resolved);
  const found: Finding[] = [];
  const find = (path: string, message: string, currentValue: unknown, suggestedValue: Finding['suggestedValue']) =>
    found.push({ path, message, currentValue, suggestedValue });
  if (policies?.forbidPublicAdmin === false) {
    find('spec.policies.forbidPublicAdmin', 'The security baseline cannot be switched off; remove this.', false, true);
  }
  if (network?.inbound === 'PUBLIC' && runtime.engine === 'openclaw') {
    find('spec.network.inbound', 'The port of an OpenClaw is its administration; do not publish it.', 'PUBLIC', 'NONE');
  }
  const funnel = ownValue(config, 'gateway', 'tailscale', 'mode');
  if (funnel === 'funnel') {
    find('spec.config.gateway.tailscale.mode', 'A funnel opens the gateway to the internet.', funnel, 'off');
  }
  const origins = ownValue(config, 'gateway', 'controlUi', 'allowedOrigins');
  if (Array.isArray(origins) && origins.includes('*')) {
    find('spec.config.gateway.controlUi.allowedOrigins', 'Name the origins; "*" lets every page in.', '*', null);
  }
  for (const door of openDoors) {
    if (ownValue(config, 'gateway', 'controlUi', door) !== true) continue;
    find(
      `spec.config.gateway.controlUi.${door}`,
      'The control UI must know who it talks to; remove this.',
      true,
      false,
    );
  }
  return found;
};
