/** The end of a switch over a union: the compiler proves that nothing gets here. */
export const unreachable = (value: never): never => {
  throw new Error(`unexpected: ${JSON.stringify(value)}`);
};
