/**
 * What a bot last converged to, as a subquery on the bot's id. A change set may have heard of it before the listener has:
 * what was settled there counts too. A restored bot has its earlier content, and so its hash, under a new version.
 */
export const lastConverged = (botId: string): string => `
  select version, generation, hash from (
    select version, generation, hash from converged where bot_id = ${botId}
    union all
    select version, generation, case rollback when 'RESTORED' then before->>'hash' else after->>'hash' end
    from change_set_bots
    where bot_id = ${botId} and (rollback = 'RESTORED' or rollback is null and state = 'CONVERGED')
  ) heard order by version desc limit 1`;
