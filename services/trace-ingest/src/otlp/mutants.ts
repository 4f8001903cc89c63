// Bodies that nobody means to send: changed ones.

/** Whole numbers below a bound, in an order that the seed tells. */
export const randomOf = (seed: number) => {
  let state = seed;
  return (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
};

/** Bytes changed, a piece cut out, a piece put in twice, or the end cut off. */
export const mutate = (body: Buffer, next: (below: number) => number): Buffer => {
  const [from, length] = [next(body.length), next(40)];
  const piece = body.subarray(from, from + length);
  const kind = next(4);
  if (kind === 0) return Buffer.from(body.subarray(0, from));
  if (kind === 1) return Buffer.concat([body.subarray(0, from), body.subarray(from + length)]);
  if (kind === 2) return Buffer.concat([body.subarray(0, from), piece, body.subarray(from)]);
  const changed = Buffer.from(body);
  for (let byte = 0; byte <= next(4); byte += 1) changed[next(changed.length)] = next(256);
  return changed;
};

/** One byte changed: most such bodies are requests still. */
export const touch = (body: Buffer, next: (below: number) => number): Buffer => {
  const changed = Buffer.from(body);
  changed[next(changed.length)] = next(256);
  return changed;
};
