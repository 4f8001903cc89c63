// Takes what looks like a secret out of telemetry before it is stored: bots log what they should not.

const redacted = '[redacted]';
const secretKey =
  /(^|[._-])(token|password|passwd|secret|api[_-]?key|private[_-]?key|credentials?|authorization|cookie)$/i;
// Every part either starts where no other try can start, or fails within its first few characters: time is linear.
const secretValue = new RegExp(
  [
    String.raw`\bsk-[A-Za-z0-9_-]{16,}`,
    String.raw`\bgh[pousr]_[A-Za-z0-9]{20,}`,
    String.raw`\bgithub_pat_\w{20,}`,
    String.raw`\b(?:AKIA|ASIA)[A-Z0-9]{16}\b`,
    String.raw`\bxox[abprs]-[A-Za-z0-9-]{10,}`,
    String.raw`(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}`,
    String.raw`-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(?:-----END [A-Z ]*PRIVATE KEY-----)?`,
  ].join('|'),
  'g',
);
/** No secret that is known by its form is shorter. */
const secretCharsMin = 14;

/** Whether everything below this key is secret. */
export const isSecretKey = (key: string): boolean => secretKey.test(key);

/** The text with every part that has the form of a secret replaced. */
export const redact = (text: string): string =>
  text.length < secretCharsMin ? text : text.replace(secretValue, redacted);

export const redactedValue = JSON.stringify(redacted);
