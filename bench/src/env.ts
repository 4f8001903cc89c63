/** The environment, for finding the servers' programs. */
export const environment: Readonly<Record<string, string | undefined>> = process.env;

const { MOLTHUB_BENCH_SPANS: spans } = environment;
/** How many spans stand in the tables that reads are measured on. */
export const spansAsked = spans === undefined ? 10_000_000 : Number(spans);
if (!Number.isSafeInteger(spansAsked) || spansAsked < 8) {
  throw new Error(
    `MOLTHUB_BENCH_SPANS=${spans} is no number of spans; give a whole one from 8, or none for 10,000,000.`,
  );
}
