// Bytes that are written one after another into memory that grows with them.

export type ByteWriter = { bytes: Buffer; at: number };

export const createWriter = (size = 16_384): ByteWriter => ({ bytes: Buffer.allocUnsafeSlow(size), at: 0 });

/** Makes room for this many bytes. */
export const reserve = (out: ByteWriter, more: number): void => {
  const needed = out.at + more;
  if (needed <= out.bytes.length) return;
  const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * out.bytes.length));
  out.bytes.copy(larger, 0, 0, out.at);
  out.bytes = larger;
};

/** Forgets what was written; memory that one large span needed is given back. */
export const clear = (out: ByteWriter): void => {
  if (out.bytes.length > keptMax) out.bytes = Buffer.allocUnsafeSlow(16_384);
  out.at = 0;
};
const keptMax = 1024 * 1024;

export const written = (out: ByteWriter): Buffer => out.bytes.subarray(0, out.at);

export const writeByte = (out: ByteWriter, byte: number): void => {
  reserve(out, 1);
  out.bytes[out.at++] = byte;
};

export const writeBytes = (out: ByteWriter, from: Buffer, start = 0, end = from.length): void => {
  const length = end - start;
  reserve(out, length);
  const { bytes, at } = out;
  // A call costs more than a few dozen bytes do.
  if (length < 48) for (let i = 0; i < length; i++) bytes[at + i] = from[start + i] ?? 0;
  else from.copy(bytes, at, start, end);
  out.at = at + length;
};

/** Text of ASCII characters only. */
export const writeAscii = (out: ByteWriter, text: string): void => {
  reserve(out, text.length);
  const { bytes, at } = out;
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
  out.at = at + text.length;
};

/** Text as UTF-8; half surrogates become U+FFFD. Answers its length in bytes. */
export const writeUtf8 = (out: ByteWriter, text: string): number => {
  reserve(out, 3 * text.length);
  const length = out.bytes.write(text, out.at, 'utf8');
  out.at += length;
  return length;
};

/** Up to 2^53. */
export const writeDigits = (out: ByteWriter, value: number): void => {
  if (value < 0 || value > 0x3fff_ffff) return writeAscii(out, String(value));
  reserve(out, 10);
  const { bytes } = out;
  let end = out.at + 1;
  for (let rest = value; rest > 9; rest = (rest / 10) | 0) end += 1;
  out.at = end;
  let rest = value;
  do {
    const tens = (rest / 10) | 0;
    bytes[--end] = 0x30 + rest - 10 * tens;
    rest = tens;
  } while (rest > 0);
};
