/** The environment, for finding the servers' programs. */
export const environment: Readonly<Record<string, string | undefined>> = process.env;
