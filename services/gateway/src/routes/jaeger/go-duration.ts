// Durations as Go writes them, such as 1.2s, 100ms or 1h30m: what Jaeger's clients send.

const part = /(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g;
const whole = /^(?:\d{1,9}(?:\.\d{1,9})?(?:ns|us|µs|ms|s|m|h)){1,6}$/;
const msOf = new Map([
  ['ns', 1e-6],
  ['us', 1e-3],
  ['µs', 1e-3],
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
]);

export const isGoDuration = (text: string): boolean => whole.test(text);

/** In ms. */
export const goDurationMs = (text: string): number =>
  [...text.matchAll(part)].reduce((sum, [, amount, unit]) => sum + Number(amount) * (msOf.get(unit ?? '') ?? 0), 0);
