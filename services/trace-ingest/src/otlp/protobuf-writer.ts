// Writes the protobuf wire format: what comes as JSON takes the same way from here on as what comes as protobuf.
import { type ByteWriter, reserve, writeByte, writeBytes, writeUtf8 } from './byte-writer.ts';
import { wire } from './protobuf.ts';

const writeUint = (out: ByteWriter, value: number) => {
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) writeByte(out, (rest % 0x80) | 0x80);
  writeByte(out, rest);
};

const writeTag = (out: ByteWriter, field: number, type: number) => writeUint(out, field * 8 + type);

/** Begins a length-delimited field; give what it answers to `endField` once its content is written. */
export const beginField = (out: ByteWriter, field: number): number => {
  writeTag(out, field, wire.length);
  reserve(out, lengthBytes);
  out.at += lengthBytes;
  return out.at;
};
/** Four bytes whatever the length, since it is known only at the end. */
const lengthBytes = 4;

export const endField = (out: ByteWriter, from: number): void => {
  const length = out.at - from;
  for (let i = 0; i < lengthBytes; i++) {
    out.bytes[from - lengthBytes + i] = ((length >>> (7 * i)) & 0x7f) | (i < lengthBytes - 1 ? 0x80 : 0);
  }
};

export const textField = (out: ByteWriter, field: number, text: string): void => {
  const from = beginField(out, field);
  writeUtf8(out, text);
  endField(out, from);
};

export const bytesField = (out: ByteWriter, field: number, bytes: Buffer): void => {
  const from = beginField(out, field);
  writeBytes(out, bytes);
  endField(out, from);
};

/** A whole number from 0 up to 2^53. */
export const uintField = (out: ByteWriter, field: number, value: number): void => {
  writeTag(out, field, wire.varint);
  writeUint(out, value);
};

export const int64Field = (out: ByteWriter, field: number, value: bigint): void => {
  writeTag(out, field, wire.varint);
  let rest = BigInt.asUintN(64, value);
  for (; rest >= 0x80n; rest >>= 7n) writeByte(out, Number(rest & 0x7fn) | 0x80);
  writeByte(out, Number(rest));
};

export const fixed64Field = (out: ByteWriter, field: number, value: bigint): void => {
  writeTag(out, field, wire.fixed64);
  reserve(out, 8);
  out.at = out.bytes.writeBigUInt64LE(value, out.at);
};

export const doubleField = (out: ByteWriter, field: number, value: number): void => {
  writeTag(out, field, wire.fixed64);
  reserve(out, 8);
  out.at = out.bytes.writeDoubleLE(value, out.at);
};

export const fixed32Field = (out: ByteWriter, field: number, value: number): void => {
  writeTag(out, field, wire.fixed32);
  reserve(out, 4);
  out.at = out.bytes.writeUInt32LE(value >>> 0, out.at);
};
