// 64-bit integers in bytes. Those of `Buffer` make several integers for each; a view on memory makes one or none.

const view = new DataView(new ArrayBuffer(8));
const eight = new Uint8Array(view.buffer);

/** Unsigned, the lowest byte first. The caller has made sure that there are eight bytes. */
export const readUint64LE = (bytes: Uint8Array, at: number): bigint => {
  for (let i = 0; i < 8; i++) eight[i] = bytes[at + i] ?? 0;
  return view.getBigUint64(0, true);
};

/** Signed, the highest byte first; more than 64 bits are cut. Answers where it ends. */
export const writeInt64BE = (bytes: Uint8Array, at: number, value: bigint): number => {
  view.setBigInt64(0, value);
  for (let i = 0; i < 8; i++) bytes[at + i] = eight[i] ?? 0;
  return at + 8;
};
