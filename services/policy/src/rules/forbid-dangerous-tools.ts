import { childPath } from '@molthub/manifest';
import { z } from 'zod';
import { configPlaces } from './openclaw-config.ts';
import { pathOf } from './place.ts';
import { type Finding, ruleType } from './rule-type.ts';

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

/** Lists by which an OpenClaw configuration allows tools or commands, wherever below a `tools` section they stand. */
const allowLists = new Set(['allow', 'alsoAllow', 'safeBins']);

/** No allow list names a tool that reads out secrets, nor a pattern that would include one, `*` among them. */
export const forbidDangerousTools = ruleType({
  type: 'forbid_dangerous_tools',
  about:
    'No list by which an OpenClaw allows tools names one that reads out passwords and keys, or a pattern with one.',
  parameters: z.strictObject({
    tools: z
      .array(z.string().min(1).max(100))
      .max(100)
      .default([])
      .describe('More tools that no list may allow; a trailing * stands for any ending.'),
  }),
  judge: ({ tools }) => {
    const isForbidden = matcherOf([...dangerous, ...tools.map((tool) => tool.trim().toLowerCase())]);
    return (resolved) =>
      configPlaces(resolved).flatMap((place) => {
        const { keys, value } = place;
        if (!Array.isArray(value) || !allowLists.has(keys.at(-1) ?? '') || !keys.includes('tools')) return [];
        return value.flatMap((tool: unknown, index): readonly Finding[] => {
          if (typeof tool !== 'string' || !isForbidden(tool)) return [];
          const message = `"${tool.slice(0, 60)}" allows tools that read out passwords and keys; remove it from the list.`;
          return [
            {
              path: childPath(pathOf(place), index),
              message,
              currentValue: tool,
              suggestedValue: null,
              suggestion: 'remove',
            },
          ];
        });
      });
  },
});

const matcherOf = (names: readonly string[]): ((allowed: string) => boolean) => {
  const exact = new Set(names);
  const prefixes = names.filter((name) => name.endsWith('*')).map((name) => name.slice(0, -1));
  return (allowed) => {
    const tool = allowed.trim().toLowerCase();
    if (exact.has(tool) || prefixes.some((prefix) => tool.startsWith(prefix))) return true;
    if (!tool.endsWith('*')) return false;
    const start = tool.slice(0, -1);
    return names.some((name) => name.startsWith(start));
  };
};
