import { childPath } from '@molthub/manifest';
import { agentParts, ownValue } from './openclaw-config.ts';
import { noParameters, ruleType } from './rule-type.ts';

/**
 * No two bots write into one folder. Molthub gives a bot without a `workspace` a folder of its own; one that is written
 * must have the bot's name as a part of its path. Names are unique, so that no other bot's can be the same: this is
 * judged from the one manifest, and holds however many bots there are.
 */
export const requireWorkspaceIsolation = ruleType({
  type: 'require_workspace_isolation',
  about:
    'A workspace that a bot or an agent names has the bot’s name as a part of its path; without one it has its own.',
  parameters: noParameters,
  judge: () => (resolved) => {
    const { name } = resolved.metadata;
    return agentParts(resolved).flatMap(({ path, value }) => {
      const workspace = ownValue(value, 'workspace');
      if (workspace === undefined) return [];
      const parts = typeof workspace === 'string' ? workspace.split(/[\\/]/) : [];
      if (parts.includes(name) && !parts.includes('..')) return [];
      const message = `Another bot could use this folder too; remove it, or write one with ${name} in its path.`;
      return [
        {
          path: childPath(path, 'workspace'),
          message,
          currentValue: workspace,
          suggestedValue: null,
          suggestion: 'remove',
        },
      ];
    });
  },
});
