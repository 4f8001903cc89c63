// What the variables of a dashboard leave of a table: conditions that keep an index in use.

/** What "All" stands for in a variable of ids: no bot and no fleet has it. */
export const everyId = '00000000-0000-0000-0000-000000000000';

/**
 * Grafana puts a custom value of "All" into the text as it stands, and values that were chosen as quoted literals:
 * either way the first half is one constant, which Postgres folds away before it plans.
 */
export const among = (column: string, variable: 'fleet' | 'bot'): string =>
  `('${everyId}' in ($${variable}) or ${column} in ($${variable}))`;

export const inWorkspace = (of = ''): string => `${of}workspace = '$workspace'`;

/** A fleet's rows, for tables whose rows name their fleet. */
export const inFleets = (of = ''): string => `${inWorkspace(of)} and ${among(`${of}fleet_id`, 'fleet')}`;
