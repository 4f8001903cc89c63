// Checks of OpenClaw's own security audit that can be read off a configuration, by the ids that OpenClaw gives them. What
// looks at files, processes or installed code is not here; docs/policy.md names it.
import { childPath, isJsonObject, type JsonObject } from '@molthub/manifest';
import canonicalize from 'canonicalize';
import { accessChecks } from './openclaw-checks-access.ts';
import { ownValue } from './openclaw-config.ts';
import { type Check, check, type Found, found, isExposed, isFilled, textsIn } from './openclaw-check.ts';

const gatewayChecks: readonly Check[] = [
  check(
    'gateway.bind_no_auth',
    'critical',
    'Everybody in the network could control this bot; set auth.mode to token.',
    (config) =>
      isExposed(config) && ownValue(config, 'gateway', 'auth', 'mode') === 'none'
        ? [found('gateway.auth.mode', 'none', 'token')]
        : [],
  ),
  check(
    'gateway.loopback_no_auth',
    'critical',
    'Every program of this machine could control this bot; set auth.mode to token.',
    (config) =>
      !isExposed(config) && ownValue(config, 'gateway', 'auth', 'mode') === 'none'
        ? [found('gateway.auth.mode', 'none', 'token')]
        : [],
  ),
  check(
    'gateway.http.no_auth',
    'warn/critical',
    'An HTTP endpoint that is switched on asks nobody who they are; set auth.mode to token.',
    (config) => {
      const endpoints = ownValue(config, 'gateway', 'http', 'endpoints');
      const isOn = isJsonObject(endpoints) && Object.values(endpoints).some((one) => ownValue(one, 'enabled') === true);
      return isOn && ownValue(config, 'gateway', 'auth', 'mode') === 'none'
        ? [found('gateway.auth.mode', 'none', 'token')]
        : [];
    },
  ),
  check(
    'gateway.http.session_key_override_enabled',
    'info',
    'Callers choose the session that they speak in.',
    (config) => flagged(config, 'gateway.http.allowSessionKeyOverride'),
  ),
  check('gateway.tailscale_funnel', 'critical', 'A funnel opens the gateway to the internet; write off.', (config) =>
    ownValue(config, 'gateway', 'tailscale', 'mode') === 'funnel'
      ? [found('gateway.tailscale.mode', 'funnel', 'off')]
      : [],
  ),
  check('gateway.tailscale_serve', 'info', 'The gateway is offered to the whole tailnet.', (config) =>
    ownValue(config, 'gateway', 'tailscale', 'mode') === 'serve' ? [found('gateway.tailscale.mode', 'serve')] : [],
  ),
  check(
    'gateway.control_ui.allowed_origins_required',
    'critical',
    'A gateway that others can reach must name the pages that may use it.',
    (config) => {
      const controlUi = ownValue(config, 'gateway', 'controlUi');
      const isNeeded = isExposed(config) && ownValue(controlUi, 'enabled') !== false;
      const falls = ownValue(controlUi, 'dangerouslyAllowHostHeaderOriginFallback') === true;
      const origins = ownValue(controlUi, 'allowedOrigins');
      return isNeeded && !falls && !isFilled(origins) ? [found('gateway.controlUi.allowedOrigins', origins)] : [];
    },
  ),
  check(
    'gateway.control_ui.allowed_origins_wildcard',
    'warn/critical',
    'Name the origins; "*" lets every page in.',
    (config) =>
      textsIn(ownValue(config, 'gateway', 'controlUi', 'allowedOrigins')).includes('*')
        ? [found('gateway.controlUi.allowedOrigins', '*')]
        : [],
  ),
  check(
    'gateway.control_ui.host_header_origin_fallback',
    'warn/critical',
    'Whoever chooses the Host header chooses the origin; remove this.',
    (config) => flagged(config, 'gateway.controlUi.dangerouslyAllowHostHeaderOriginFallback'),
  ),
  check(
    'gateway.real_ip_fallback_enabled',
    'warn/critical',
    'Addresses are believed from a header that anybody can send; remove this.',
    (config) => flagged(config, 'gateway.allowRealIpFallback'),
  ),
  check(
    'gateway.auth_no_rate_limit',
    'warn',
    'Passwords can be tried without end; set gateway.auth.rateLimit.',
    (config) =>
      isExposed(config) && !isJsonObject(ownValue(config, 'gateway', 'auth', 'rateLimit'))
        ? [found('gateway.auth.rateLimit', undefined)]
        : [],
  ),
  check(
    'gateway.trusted_proxy_auth',
    'critical',
    'A proxy says who people are; only a gateway that nobody else reaches may believe it.',
    (config) => (isProxied(config) ? [found('gateway.auth.mode', 'trusted-proxy', 'token')] : []),
  ),
  check(
    'gateway.trusted_proxy_no_proxies',
    'critical',
    'No proxy is named in gateway.trustedProxies, so any could speak.',
    (config) =>
      isProxied(config) && !isFilled(ownValue(config, 'gateway', 'trustedProxies'))
        ? [found('gateway.trustedProxies', undefined)]
        : [],
  ),
  check(
    'gateway.trusted_proxy_no_user_header',
    'critical',
    'Name the header in which the proxy says who it is.',
    (config) =>
      isProxied(config) && !isText(ownValue(config, 'gateway', 'auth', 'trustedProxy', 'userHeader'))
        ? [found('gateway.auth.trustedProxy.userHeader', undefined)]
        : [],
  ),
  check(
    'gateway.trusted_proxy_no_allowlist',
    'warn',
    'Everybody whom the proxy lets in may control this bot; name them in allowUsers.',
    (config) =>
      isProxied(config) && !isFilled(ownValue(config, 'gateway', 'auth', 'trustedProxy', 'allowUsers'))
        ? [found('gateway.auth.trustedProxy.allowUsers', undefined)]
        : [],
  ),
  check(
    'gateway.trusted_proxy_allow_loopback',
    'warn',
    'Every program of this machine may say that it is the proxy; remove this.',
    (config) => flagged(config, 'gateway.auth.trustedProxy.allowLoopback'),
  ),
  check(
    'discovery.mdns_full_mode',
    'warn/critical',
    'Paths and ports of this machine are told to the network; write off.',
    (config) =>
      ownValue(config, 'discovery', 'mdns', 'mode') === 'full' ? [found('discovery.mdns.mode', 'full', 'off')] : [],
  ),
];

const configChecks: readonly Check[] = [
  check('config.insecure_or_dangerous_flags', 'warn', 'This flag switches a protection off; remove it.', (config) =>
    dangerousFlags(config),
  ),
  check('security.audit.suppressions.active', 'info', 'Findings of OpenClaw’s own audit are kept quiet.', (config) => {
    const suppressions = ownValue(config, 'security', 'audit', 'suppressions');
    const isAny = isFilled(suppressions) || (isJsonObject(suppressions) && Object.keys(suppressions).length > 0);
    return isAny ? [found('security.audit.suppressions', suppressions)] : [];
  }),
  check(
    'config.secrets.gateway_password_in_config',
    'warn',
    'Keep the password in spec.secrets and refer to it.',
    (config) => literal(config, 'gateway.auth.password'),
  ),
  check('config.secrets.hooks_token_in_config', 'warn', 'Keep the token in spec.secrets and refer to it.', (config) =>
    literal(config, 'hooks.token'),
  ),
  check(
    'hooks.token_reuse_gateway_token',
    'critical',
    'Whoever may send hooks could control the bot; use another secret.',
    (config) => {
      const token = ownValue(config, 'hooks', 'token');
      const others = ['token', 'password'].map((key) => ownValue(config, 'gateway', 'auth', key));
      const isSame =
        token !== undefined &&
        others.some((other) => other !== undefined && canonicalize(other) === canonicalize(token));
      return isSame ? [found('hooks.token', token)] : [];
    },
  ),
  check(
    'hooks.default_session_key_unset',
    'warn',
    'Set hooks.defaultSessionKey, so that hooks speak in one session.',
    (config) =>
      hasHooks(config) && !isText(ownValue(config, 'hooks', 'defaultSessionKey'))
        ? [found('hooks.defaultSessionKey', undefined)]
        : [],
  ),
  check(
    'hooks.allowed_agent_ids_unrestricted',
    'warn/critical',
    'Name the agents that hooks may reach, or write [].',
    (config) => {
      const ids = ownValue(config, 'hooks', 'allowedAgentIds');
      const isOpen = !Array.isArray(ids) || ids.includes('*');
      return hasHooks(config) && isOpen ? [found('hooks.allowedAgentIds', ids)] : [];
    },
  ),
  check(
    'hooks.request_session_key_enabled',
    'warn/critical',
    'Whoever sends a hook chooses the session; remove this.',
    (config) => (hasHooks(config) ? flagged(config, 'hooks.allowRequestSessionKey') : []),
  ),
  check(
    'hooks.request_session_key_prefixes_missing',
    'warn/critical',
    'Bound the sessions that hooks may choose by prefixes.',
    (config) =>
      hasHooks(config) &&
      ownValue(config, 'hooks', 'allowRequestSessionKey') === true &&
      !isFilled(ownValue(config, 'hooks', 'allowedSessionKeyPrefixes'))
        ? [found('hooks.allowedSessionKeyPrefixes', undefined)]
        : [],
  ),
  check('hooks.path_root', 'critical', 'Hooks must not answer at the root; name a path of their own.', (config) =>
    ownValue(config, 'hooks', 'path') === '/' ? [found('hooks.path', '/', '/hooks')] : [],
  ),
  check(
    'browser.remote_cdp_http',
    'warn',
    'A browser on another machine is controlled without encryption; use https or wss.',
    (config) => cdpUrls(config).filter(({ value }) => isRemoteHttp(value)),
  ),
  check('browser.extension_relay_legacy_auth', 'warn', 'Remove this; the old way in is weaker.', (config) =>
    flagged(config, 'browser.extensionRelay.allowLegacyAuth'),
  ),
];

/** Every check, by the id that OpenClaw gives it. */
export const openclawChecks: readonly Check[] = [...gatewayChecks, ...configChecks, ...accessChecks];

const isText = (value: unknown): boolean => typeof value === 'string' && value.trim() !== '';
const isProxied = (config: JsonObject): boolean => ownValue(config, 'gateway', 'auth', 'mode') === 'trusted-proxy';
const hasHooks = (config: JsonObject): boolean => ownValue(config, 'hooks', 'enabled') === true;

const flagged = (config: JsonObject, path: string): readonly Found[] =>
  ownValue(config, ...path.split('.')) === true ? [found(path, true, false)] : [];

/** A secret that is written out; one that is referred to is an object, or names a variable. */
const literal = (config: JsonObject, path: string): readonly Found[] => {
  const value = ownValue(config, ...path.split('.'));
  return typeof value === 'string' && value !== '' && !value.includes('${') ? [found(path, '[redacted]')] : [];
};

/** Flags whose name says it, and the one of the control UI whose name does not. */
const dangerousFlags = (config: JsonObject): readonly Found[] => {
  const visit = (node: unknown, path: string): readonly Found[] => {
    if (Array.isArray(node)) return node.flatMap((item: unknown, index) => visit(item, childPath(path, index)));
    if (!isJsonObject(node)) return [];
    return Object.entries(node).flatMap(([key, value]) =>
      value === true && (key.startsWith('dangerously') || key === 'allowInsecureAuth')
        ? [found(childPath(path, key), true, false)]
        : visit(value, childPath(path, key)),
    );
  };
  return visit(config, '');
};

const cdpUrls = (config: JsonObject): readonly Found[] => {
  const profiles = ownValue(config, 'browser', 'profiles');
  return [
    found('browser.cdpUrl', ownValue(config, 'browser', 'cdpUrl')),
    ...Object.entries(isJsonObject(profiles) ? profiles : {}).map(([name, profile]) =>
      found(`${childPath('browser.profiles', name)}.cdpUrl`, ownValue(profile, 'cdpUrl')),
    ),
  ];
};

const isRemoteHttp = (value: unknown): boolean => {
  const url = typeof value === 'string' ? URL.parse(value) : null;
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'ws:')) return false;
  return !/^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(url.hostname);
};
