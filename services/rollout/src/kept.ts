/**
 * SQL: whether a bot stays at what it runs, whatever is newer: it is pinned, or another change set that is judged has
 * moved it and is not over. `bot` and `changeSet` are columns or parameters.
 */
export const isKeptSql = (bot: string, changeSet: string): string => `
  exists (select from holds h where h.bot_id = ${bot} and h.kind = 'PIN')
  or exists (select from change_set_bots o join change_sets s on s.id = o.change_set_id
    where o.bot_id = ${bot} and s.id <> ${changeSet} and o.released and s.staged and s.finished_at is null
      and s.status in ('RUNNING', 'PAUSED', 'ROLLING_BACK'))`;
