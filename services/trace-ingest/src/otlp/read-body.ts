// Takes in a request's body, inflated as it comes: neither its sender's promises nor its ratio make it larger than
// allowed.
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { Budget } from './budget.ts';
import { malformed, moreThanShare, Refusal } from './refusal.ts';

export type BodyLimits = { readonly compressedBytesMax: number; readonly inflatedBytesMax: number };
export const bodyLimits: BodyLimits = { compressedBytesMax: 4 * 1024 * 1024, inflatedBytesMax: 16 * 1024 * 1024 };

/** A body that grows to more than 100 times its size is no telemetry; small ones may, since they cost nothing. */
const ratioMax = 100;
const ratioFromBytes = 256 * 1024;

export type Room = {
  readonly budget: Budget;
  /** Who sends. */
  readonly holder: string;
  readonly took: (bytes: number) => void;
  /** Bytes that are said to come: they have their place before the first, so that no half of a body is kept in vain. */
  readonly declared?: number;
  readonly limits?: BodyLimits;
};

/**
 * Resolves with the whole body; `took` is told of all memory taken from the budget, whether it resolves or rejects.
 * Rejects with a 413, a 400 for broken gzip, a 408 where the sender went away, a 503 where the budget is used up, or a
 * 429 where the sender has its share of it.
 */
export const readBody = (
  request: Readable,
  encoding: 'identity' | 'gzip',
  { budget, holder, took, declared = 0, limits = bodyLimits }: Room,
): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const gunzip = encoding === 'gzip' ? createGunzip({ chunkSize: 64 * 1024 }) : null;
    const chunks: Buffer[] = [];
    let received = 0;
    let held = 0;
    let reserved = 0;
    let ended = false;

    const end = (settle: () => void) => {
      request.off('data', onData).off('end', onEnd).off('error', onLost).off('close', onLost);
      gunzip
        ?.removeAllListeners()
        .on('error', () => undefined)
        .destroy();
      settle();
    };
    const fail = (error: unknown) => end(() => reject(error));

    const reserve = (bytes: number): Refusal | null => {
      const room = budget.take(holder, bytes);
      if (room === 'more-than-share') return moreThanShare();
      if (room === 'full') return new Refusal(503, 'Too many requests are open; send again later.');
      took(bytes);
      reserved += bytes;
      return null;
    };

    const keep = (chunk: Buffer) => {
      held += chunk.length;
      const refusal = held > reserved ? reserve(held - reserved) : null;
      if (refusal) return fail(refusal);
      chunks.push(chunk);
      if (held > limits.inflatedBytesMax) return fail(tooLarge(limits.inflatedBytesMax, 'inflated'));
      if (gunzip && held > ratioFromBytes && held > received * ratioMax) {
        return fail(new Refusal(413, `The body inflates to more than ${ratioMax} times its size.`));
      }
    };
    const onData = (chunk: Buffer) => {
      received += chunk.length;
      const most = gunzip ? limits.compressedBytesMax : limits.inflatedBytesMax;
      if (received > Math.min(most, limits.compressedBytesMax))
        return fail(tooLarge(limits.compressedBytesMax, 'sent'));
      if (!gunzip) return keep(chunk);
      if (!gunzip.write(chunk)) request.pause();
    };
    const onEnd = () => {
      ended = true;
      if (gunzip) gunzip.end();
      else end(() => resolve(Buffer.concat(chunks)));
    };
    // Every request closes; one that has come to its end is not lost, though its inflating may still go on.
    const onLost = () => {
      if (!ended) fail(new Refusal(408, 'The request ended before its body did.'));
    };

    const refusal = reserve(declared);
    if (refusal) return reject(refusal);
    gunzip
      ?.on('drain', () => request.resume())
      .on('data', keep)
      .on('error', (error) => fail(malformed('The body is not gzip.', error)))
      .on('end', () => {
        if (gunzip.bytesWritten < received) fail(malformed('Something follows the gzip body.'));
        else end(() => resolve(Buffer.concat(chunks)));
      });
    request.on('data', onData).on('end', onEnd).on('error', onLost).on('close', onLost);
  });

const tooLarge = (bytes: number, how: string) => new Refusal(413, `The body has more than ${bytes} bytes (${how}).`);
