import { childPath } from '@molthub/manifest';
import type { Finding, RuleType } from '../pack.ts';
import { openclawConfig, placesOf } from './openclaw-config.ts';

/** Tools and commands that read out password stores and key chains. A trailing `*` stands for any ending. */
const dangerous = [
  'op',
  'op:*',
  'bw',
  'bw:*',
  'lpass',
  'lpass:*',
  'keepassxc-cli',
  'keepassxc-cli:*',
  'security',
  'security:*',
  'secret-tool',
  'secret-tool:*',
  'browser:password-*',
  'browser:autofill-*',
];
const exact = new Set(dangerous);
const prefixes = dangerous.filter((name) => name.endsWith('*')).map((name) => name.slice(0, -1));

/** Lists by which an OpenClaw configuration allows tools or commands, wherever below a `tools` section they stand. */
const allowLists = new Set(['allow', 'alsoAllow', 'safeBins']);

/** No allow list names a tool that reads out secrets, nor a pattern that would include one, `*` among them. */
export const forbidDangerousTools: RuleType = (resolved) =>
  placesOf(openclawConfig(resolved), 'spec.config').flatMap(({ path, keys, value }) => {
    const list = keys.at(-1);
    if (list === undefined || !allowLists.has(list) || !keys.includes('tools') || !Array.isArray(value)) return [];
    return value.flatMap((tool: unknown, index): readonly Finding[] => {
      if (typeof tool !== 'string' || !isDangerous(tool)) return [];
      const message = `"${tool.slice(0, 60)}" allows tools that read out passwords and keys; remove it from the list.`;
      return [{ path: childPath(path, index), message, currentValue: tool, suggestedValue: null }];
    });
  });

const isDangerous = (allowed: string): boolean => {
  const tool = allowed.trim().toLowerCase();
  if (exact.has(tool) || prefixes.some((prefix) => tool.startsWith(prefix))) return true;
  if (!tool.endsWith('*')) return false;
  const start = tool.slice(0, -1);
  return dangerous.some((name) => name.startsWith(start));
};
