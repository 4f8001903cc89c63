/** What a started Molthub inherits: the machine's own environment, without a Molthub of somebody else in it. */
export const environment: Readonly<Record<string, string | undefined>> = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !name.startsWith('MOLTHUB_') && name !== 'DATABASE_URL' && name !== 'NATS_URL',
  ),
);
