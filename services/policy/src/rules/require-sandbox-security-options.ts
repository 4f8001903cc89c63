import { childPath, isJsonObject } from '@molthub/manifest';
import { z } from 'zod';
import { agentParts, ownValue, type Part } from './openclaw-config.ts';
import { type Finding, ruleType } from './rule-type.ts';

const sandbox = z.strictObject({
  readOnlyRootfs: z.boolean().default(true),
  dropCapabilities: z.array(z.string().min(1).max(40)).max(50).default(['ALL']),
});

/**
 * A sandbox is not loosened. OpenClaw starts one with a read-only root, every capability dropped, no new privileges
 * (which nothing switches off) and without a network; what is looked at is what a configuration takes back of that.
 */
export const requireSandboxSecurityOptions = ruleType({
  type: 'require_sandbox_security_options',
  about: 'No sandbox of an agent is loosened: root, capabilities, network, seccomp and AppArmor.',
  parameters: sandbox,
  judge: (wanted) => (resolved) => agentParts(resolved).flatMap((part) => loosened(part, wanted)),
});

const removal = (suggestedValue: Finding['suggestedValue']) =>
  suggestedValue === null ? ({ suggestion: 'remove' } as const) : {};

const loosened = (part: Part, wanted: z.infer<typeof sandbox>): readonly Finding[] => {
  const docker = ownValue(part.value, 'sandbox', 'docker');
  if (!isJsonObject(docker)) return [];
  const at = (key: string) => childPath(childPath(childPath(part.path, 'sandbox'), 'docker'), key);
  const value = (key: string) => ownValue(docker, key);
  const found: Finding[] = [];
  const find = (key: string, message: string, suggestedValue: Finding['suggestedValue']) =>
    found.push({ path: at(key), message, currentValue: value(key), suggestedValue, ...removal(suggestedValue) });
  if (wanted.readOnlyRootfs && value('readOnlyRoot') === false) {
    find('readOnlyRoot', 'The root of a sandbox must stay read-only; write true.', true);
  }
  const dropped = value('capDrop');
  const missing = wanted.dropCapabilities.filter((name) => !Array.isArray(dropped) || !dropped.includes(name));
  if (dropped !== undefined && missing.length > 0) {
    find('capDrop', `A sandbox must drop ${missing.join(', ')}; add it.`, [...wanted.dropCapabilities]);
  }
  const network = value('network');
  if (typeof network === 'string' && (network === 'host' || network.startsWith('container:'))) {
    find('network', 'A sandbox must not share a network with anything else; write "none".', 'none');
  }
  for (const key of ['seccompProfile', 'apparmorProfile']) {
    if (value(key) === 'unconfined') find(key, 'A sandbox must be confined; remove this.', null);
  }
  const options = value('securityOpt');
  if (Array.isArray(options) && options.some((option) => typeof option === 'string' && /unconfined/.test(option))) {
    find('securityOpt', 'A sandbox must be confined; remove what says unconfined.', null);
  }
  return found;
};
