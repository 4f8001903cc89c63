// Takes what looks like a secret out of telemetry before it is stored: bots log what they should not.

const redacted = '[redacted]';
const secretKey =
  /(^|[._-])(token|password|passwd|passphrase|secret|(?:api|private|access|secret|signing|encryption)[_-]?key|credentials?|authorization|cookie)$/i;
/** The same at the end of words that are written together. */
const secretCamelKey =
  /[a-z0-9](?:Token|Password|Passwd|Passphrase|Secret|(?:Api|API|Private|Access|Secret|Signing|Encryption)Key|Credentials?|Authorization|Cookie)$/;
// Every part either starts where no other try can start, or fails within its first few characters: time is linear.
const secretValue = new RegExp(
  [
    String.raw`\bsk-[A-Za-z0-9_-]{16,}`,
    String.raw`\bgh[pousr]_[A-Za-z0-9]{20,}`,
    String.raw`\bgithub_pat_\w{20,}`,
    String.raw`\b(?:AKIA|ASIA)[A-Z0-9]{16}\b`,
    String.raw`\b(?:xox[abeprs]|xapp)-[A-Za-z0-9-]{10,}`,
    String.raw`\bglpat-[\w-]{20,}`,
    String.raw`\bhf_[A-Za-z0-9]{30,}`,
    String.raw`\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}`,
    String.raw`\bAIza[\w-]{35}`,
    // A bot of Telegram.
    String.raw`\b\d{8,10}:[\w-]{35}`,
    String.raw`\bBearer [\w.~+/-]{20,}=*`,
    // Who a URL logs in as.
    String.raw`://[^/\s:@]{1,128}:[^/\s@]{1,256}@`,
    String.raw`(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}`,
    String.raw`-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----[^]*?(?:-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----|$)`,
  ].join('|'),
  'g',
);
/** No secret that is known by its form is shorter. */
const secretCharsMin = 14;

/** Whether everything below this key is secret. */
export const isSecretKey = (key: string): boolean => secretKey.test(key) || secretCamelKey.test(key);

/** The text with every part that has the form of a secret replaced. */
export const redact = (text: string): string =>
  text.length < secretCharsMin ? text : text.replace(secretValue, redacted);

export const redactedValue = JSON.stringify(redacted);
