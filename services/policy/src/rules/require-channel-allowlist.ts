import { forbidOpenGroupPolicy } from './forbid-open-group-policy.ts';
import { requireDmPolicy } from './require-dm-policy.ts';
import { type Judge, noParameters, ruleType } from './rule-type.ts';

/** Everybody who may use a bot is named: no channel is open, neither to direct messages nor to groups. */
export const requireChannelAllowlist = ruleType({
  type: 'require_channel_allowlist',
  about: 'No channel is open, neither to direct messages nor to groups.',
  parameters: noParameters,
  judge: () => {
    const judges = [requireDmPolicy, forbidOpenGroupPolicy].map(judgeOf);
    return (resolved, context) => judges.flatMap((judge) => judge(resolved, context));
  },
});

const judgeOf = ({ type, judgeFor }: typeof requireDmPolicy): Judge => {
  const made = judgeFor({});
  if ('judge' in made) return made.judge;
  throw new Error(`${type} has no defaults.`);
};
