// The headers by which a caller says on what it rests: ETag and If-Match (RFC 9110 §13), Prefer: wait (RFC 7240).
import { HttpProblem } from './problem.ts';

/** A strong entity tag of a stream's version. */
export const etagOf = (version: number): string => `"${version}"`;

/** The version that If-Match asks for; undefined where it asks for none. Throws 400 for what is no single ETag of ours. */
export const expectedVersionOf = (ifMatch: string | undefined): number | undefined => {
  if (ifMatch === undefined || ifMatch === '*') return undefined;
  const version = /^"([1-9]\d{0,8})"$/.exec(ifMatch)?.[1];
  if (version === undefined) {
    throw new HttpProblem({
      status: 400,
      code: 'gateway.invalid-if-match',
      detail: 'If-Match must be the one ETag that a GET answered, such as "3" with its quotes, or *.',
      errors: [{ path: 'If-Match', code: 'invalid-if-match', message: 'not an ETag' }],
    });
  }
  return Number(version);
};

const waitSecondsMax = 60;

/** How long the caller prefers to wait, in ms; at most a minute. Unknown preferences are ignored, as RFC 7240 wants. */
export const preferredWaitMs = (prefer: string | undefined, defaultMs: number): number => {
  const seconds = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,6})"?(?=$|[,;\s])/i.exec(prefer ?? '')?.[1];
  return seconds === undefined ? defaultMs : Math.min(Number(seconds), waitSecondsMax) * 1_000;
};
