// The environment of a test run: PATH and NATS_SERVER_BIN to find the servers, MOLTHUB_TEST_DEPS to choose their kind.
export const environment: Readonly<Record<string, string | undefined>> = process.env;
