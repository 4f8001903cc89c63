// Checks of OpenClaw's own audit about who may speak to a bot, and about what its tools may do.
import { childPath, isJsonObject, type JsonObject } from '@molthub/manifest';
import type { ResolvedManifest } from '@molthub/contracts';
import { type Check, check, type Found, found, sectionsIn, textsIn } from './openclaw-check.ts';
import { agentParts, channelPlaces, ownValue, type Part } from './openclaw-config.ts';
import { pathOf } from './place.ts';

const below = (path: string): string => path.replace(/^spec\.config\./, '');

/** The parts of agents, with the sandbox mode that holds in each; OpenClaw's default is off. */
const agentsOf = (resolved: ResolvedManifest): readonly (Part & { readonly mode: unknown })[] => {
  const parts = agentParts(resolved).map(({ path, value }) => ({ path: below(path), value }));
  const byDefault = parts.find(({ path }) => path === 'agents.defaults')?.value;
  const inherited = ownValue(byDefault, 'sandbox', 'mode') ?? 'off';
  return parts.map((part) => ({ ...part, mode: ownValue(part.value, 'sandbox', 'mode') ?? inherited }));
};

type InDocker = (docker: JsonObject, at: (key: string) => string) => readonly Found[];
const inDocker =
  (look: InDocker): Check['find'] =>
  (_, resolved) =>
    agentsOf(resolved).flatMap(({ path, value }) => {
      const docker = ownValue(value, 'sandbox', 'docker');
      return isJsonObject(docker) ? look(docker, (key) => `${path}.sandbox.docker.${key}`) : [];
    });

const bindsOf = (docker: JsonObject): readonly { readonly index: number; readonly source: string }[] =>
  textsIn(ownValue(docker, 'binds')).map((bind, index) => ({ index, source: bind.split(':')[0] ?? '' }));

/** What a container must never get of its machine: its own settings, its devices, and the engine that runs it. */
const dangerousSources = /^\/(?:(?:etc|proc|sys|dev|root|boot)(?:\/|$)|(?:var\/)?run\/docker\.sock$|$)/;

const unconfined =
  (kind: 'seccomp' | 'apparmor'): InDocker =>
  (docker, at) => {
    const profile = `${kind}Profile`;
    const options = textsIn(ownValue(docker, 'securityOpt')).filter(
      (option) => option.startsWith(kind) && option.includes('unconfined'),
    );
    return [
      ...(ownValue(docker, profile) === 'unconfined' ? [found(at(profile), 'unconfined')] : []),
      ...options.map((option) => found(at('securityOpt'), option)),
    ];
  };

/** Where tools may run commands: the bot's own section, then each agent's. */
const execs = (config: JsonObject, resolved: ResolvedManifest) => [
  { path: 'tools.exec', value: ownValue(config, 'tools', 'exec') },
  ...agentParts(resolved)
    .filter(({ path }) => path !== 'spec.config.agents.defaults')
    .map(({ path, value }) => ({ path: `${below(path)}.tools.exec`, value: ownValue(value, 'tools', 'exec') })),
];

/** Channels, accounts and sections in which everybody may speak. */
const openPlaces = (resolved: ResolvedManifest): readonly string[] =>
  channelPlaces(resolved)
    .filter(({ keys, value }) => value === 'open' && /^(?:dmPolicy|groupPolicy|policy)$/.test(keys.at(-1) ?? ''))
    .map(pathOf);

const sandboxChecks: readonly Check[] = [
  check(
    'sandbox.docker_config_mode_off',
    'warn',
    'What is set for the sandbox has no effect, since its mode is off.',
    (_, resolved) =>
      agentsOf(resolved)
        .filter(({ value, mode }) => mode === 'off' && isJsonObject(ownValue(value, 'sandbox', 'docker')))
        .map(({ path }) => found(`${path}.sandbox.mode`, 'off', 'all')),
  ),
  check(
    'sandbox.bind_mount_non_absolute',
    'warn',
    'Name the folder by its whole path.',
    inDocker((docker, at) =>
      bindsOf(docker)
        .filter(({ source }) => !source.startsWith('/'))
        .map(({ index, source }) => found(childPath(at('binds'), index), source)),
    ),
  ),
  check(
    'sandbox.dangerous_bind_mount',
    'critical',
    'Tools could take over the machine through this folder; remove it.',
    inDocker((docker, at) =>
      bindsOf(docker)
        .filter(({ source }) => dangerousSources.test(source))
        .map(({ index, source }) => found(childPath(at('binds'), index), source)),
    ),
  ),
  check(
    'sandbox.dangerous_network_mode',
    'critical',
    'A sandbox must not share a network with anything else; write "none".',
    inDocker((docker, at) => {
      const network = ownValue(docker, 'network');
      return typeof network === 'string' && /^(?:host$|container:)/.test(network)
        ? [found(at('network'), network, 'none')]
        : [];
    }),
  ),
  check(
    'sandbox.dangerous_seccomp_profile',
    'critical',
    'A sandbox must be confined; remove this.',
    inDocker(unconfined('seccomp')),
  ),
  check(
    'sandbox.dangerous_apparmor_profile',
    'critical',
    'A sandbox must be confined; remove this.',
    inDocker(unconfined('apparmor')),
  ),
];

const toolChecks: readonly Check[] = [
  check(
    'tools.exec.host_sandbox_no_sandbox_defaults',
    'warn',
    'Commands are to run in a sandbox, and its mode is off.',
    (config, resolved) => {
      const mode = agentsOf(resolved).find(({ path }) => path === 'agents.defaults')?.mode ?? 'off';
      return ownValue(config, 'tools', 'exec', 'host') === 'sandbox' && mode === 'off'
        ? [found('agents.defaults.sandbox.mode', mode, 'all')]
        : [];
    },
  ),
  check(
    'tools.exec.host_sandbox_no_sandbox_agents',
    'warn',
    'Commands of this agent are to run in a sandbox, and its mode is off.',
    (_, resolved) =>
      agentsOf(resolved)
        .filter(
          ({ path, value, mode }) =>
            path !== 'agents.defaults' && mode === 'off' && ownValue(value, 'tools', 'exec', 'host') === 'sandbox',
        )
        .map(({ path }) => found(`${path}.sandbox.mode`, 'off', 'all')),
  ),
  check(
    'tools.exec.security_full_configured',
    'warn/critical',
    'Every command runs unasked; write allowlist.',
    (config, resolved) =>
      execs(config, resolved)
        .filter(({ value }) => ownValue(value, 'security') === 'full')
        .map(({ path }) => found(`${path}.security`, 'full', 'allowlist')),
  ),
  check(
    'tools.elevated.allowFrom.provider.wildcard',
    'critical',
    'Everybody on this channel may use elevated tools; name the people.',
    (config) =>
      sectionsIn(ownValue(config, 'tools', 'elevated', 'allowFrom'))
        .filter(([, senders]) => textsIn(senders).includes('*'))
        .map(([provider]) => found(childPath('tools.elevated.allowFrom', provider), '*')),
  ),
  check(
    'security.exposure.open_channels_with_exec',
    'warn/critical',
    'Everybody can make this bot run any command; close the channel, or tools.exec.',
    (config, resolved) =>
      execs(config, resolved).some(({ value }) => ownValue(value, 'security') === 'full')
        ? openPlaces(resolved).map((path) => found(below(path), 'open', 'allowlist'))
        : [],
  ),
  check(
    'security.exposure.open_groups_with_elevated',
    'critical',
    'Everybody here can reach elevated tools; close the channel.',
    (config, resolved) => {
      const elevated = ownValue(config, 'tools', 'elevated');
      const isOn = ownValue(elevated, 'enabled') === true || sectionsIn(ownValue(elevated, 'allowFrom')).length > 0;
      return isOn && ownValue(elevated, 'enabled') !== false
        ? openPlaces(resolved).map((path) => found(below(path), 'open', 'allowlist'))
        : [];
    },
  ),
];

const channelChecks: readonly Check[] = [
  check(
    'channels.provider.dm.open',
    'critical',
    'Anybody could talk to this bot; let people pair with it, or name them in allowFrom.',
    (_, resolved) =>
      channelPlaces(resolved)
        .filter(({ keys, value }) => value === 'open' && isDmPolicy(keys))
        .map((place) => found(below(pathOf(place)), 'open', 'pairing')),
  ),
  check(
    'channels.provider.dm.open_invalid',
    'warn',
    'An open channel has "*" in allowFrom; without it OpenClaw does not take the policy as it is written.',
    (_, resolved) =>
      channelPlaces(resolved)
        .filter(
          ({ value }) => ownValue(value, 'dmPolicy') === 'open' && !textsIn(ownValue(value, 'allowFrom')).includes('*'),
        )
        .map((place) => found(below(childPath(pathOf(place), 'allowFrom')), undefined)),
  ),
  check(
    'channels.provider.allowFrom.dangerous_name_matching_enabled',
    'info',
    'People are known by names that they can change; use ids that stay.',
    (_, resolved) =>
      channelPlaces(resolved)
        .filter(({ keys, value }) => value === true && keys.at(-1) === 'dangerouslyAllowNameMatching')
        .map((place) => found(below(pathOf(place)), true, false)),
  ),
];

const isDmPolicy = (keys: readonly string[]): boolean =>
  keys.at(-1) === 'dmPolicy' || (keys.at(-2) === 'dm' && keys.at(-1) === 'policy');

export const accessChecks: readonly Check[] = [...sandboxChecks, ...toolChecks, ...channelChecks];
