import { childPath } from '@molthub/manifest';
import { noParameters, ruleType } from './rule-type.ts';

/** Wildcards within a resource, such as all objects of one bucket, are how a role names them and stay allowed. */
export const forbidWildcardIam = ruleType({
  type: 'forbid_wildcard_iam',
  about: 'The task role of a bot names each action without "*", and no resource is "*" alone.',
  parameters: noParameters,
  judge:
    () =>
    ({ spec: { target } }) =>
      (target.taskRole?.statements ?? []).flatMap(({ actions, resources }, index) => {
        const at = (list: string, item: number) =>
          childPath(childPath(childPath('spec.target.taskRole.statements', index), list), item);
        const wide = (path: string, currentValue: string, message: string) => ({
          path,
          message,
          currentValue,
          suggestedValue: null,
          suggestion: 'example' as const,
        });
        return [
          ...actions.flatMap((action, item) =>
            action.includes('*')
              ? [wide(at('actions', item), action, 'This allows more than one action; name each that the bot needs.')]
              : [],
          ),
          ...resources.flatMap((resource, item) =>
            resource === '*'
              ? [wide(at('resources', item), resource, 'This is every resource there is; name those of the bot.')]
              : [],
          ),
        ];
      }),
});
