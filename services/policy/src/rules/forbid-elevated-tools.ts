import { childPath, isJsonObject } from '@molthub/manifest';
import { agentParts, openclawConfig, ownValue, type Part } from './openclaw-config.ts';
import { type Finding, noParameters, ruleType } from './rule-type.ts';

/**
 * Tools that leave the sandbox are for people who are named: wherever `tools.elevated` is switched on, `allowFrom` names
 * somebody, and nowhere everybody by `*`.
 */
export const forbidElevatedTools = ruleType({
  type: 'forbid_elevated_tools',
  about: 'Elevated tools are switched on only for people who are named.',
  parameters: noParameters,
  judge: () => (resolved) =>
    [{ path: 'spec.config', value: openclawConfig(resolved) }, ...agentParts(resolved)].flatMap(elevated),
});

const elevated = ({ path, value }: Part): readonly Finding[] => {
  const section = ownValue(value, 'tools', 'elevated');
  if (!isJsonObject(section) || section['enabled'] === false) return [];
  const at = childPath(childPath(path, 'tools'), 'elevated');
  const allowFrom = Object.hasOwn(section, 'allowFrom') ? section['allowFrom'] : undefined;
  const lists = isJsonObject(allowFrom) ? Object.entries(allowFrom) : [];
  const open = lists.flatMap(([provider, senders]) => {
    if (!Array.isArray(senders) || !senders.includes('*')) return [];
    const message = 'The sender "*" lets everybody out of the sandbox; name the people.';
    return [
      { path: childPath(childPath(at, 'allowFrom'), provider), message, currentValue: '*', suggestedValue: null },
    ];
  });
  const isNobody = lists.every(([, senders]) => !Array.isArray(senders) || senders.length === 0);
  if (section['enabled'] !== true || !isNobody) return open;
  const message = 'Elevated tools are on and nobody is named; name the people in allowFrom, or write false.';
  return [...open, { path: childPath(at, 'enabled'), message, currentValue: true, suggestedValue: false }];
};
