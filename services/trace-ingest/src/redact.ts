// Takes what looks like a secret out of telemetry before it is stored: bots log what they should not.
import { createHash } from 'node:crypto';
import { hideNamed, redacted } from './named-secrets.ts';

export const redactedValue = JSON.stringify(redacted);

/** What else is hidden in what one sender says. */
export type Redaction = {
  /** The token that the sender showed: it is hidden wherever it stands. */
  readonly token?: string | null;
  /** What its fleet wants done with the values of a key. */
  readonly actionOf?: (key: string) => 'drop' | 'mask' | 'hash' | null;
  /** What its hashes are made with, so that those of other fleets are others. */
  readonly salt?: string;
  /** What its fleet wants hidden of any text. */
  readonly hide?: (text: string) => string;
};
export const nothingMore: Redaction = {};

// At least every form that `secret-text.ts` of the contracts knows, wherever it stands in a text. Every part either
// starts where no other try can start, or fails within its first few characters: time is linear.
const secretForms = [
  String.raw`\bsk-[A-Za-z0-9_-]{12,}`,
  String.raw`(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{8,}`,
  String.raw`gh[pousr]_[A-Za-z0-9]{16,}`,
  String.raw`github_pat_\w{16,}`,
  String.raw`glpat-[A-Za-z0-9_-]{16,}`,
  String.raw`xox[a-z]-[A-Za-z0-9-]{8,}`,
  String.raw`xapp-[A-Za-z0-9-]{8,}`,
  String.raw`\b(?:AKIA|ASIA)[0-9A-Z]{16}`,
  String.raw`\bAIza[A-Za-z0-9_-]{30,}`,
  String.raw`npm_[A-Za-z0-9]{20,}`,
  String.raw`\bhf_[A-Za-z0-9]{20,}`,
  String.raw`\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}`,
  String.raw`whsec_[A-Za-z0-9+/=]{16,}`,
  String.raw`\bmh_[0-9a-f]{16}_[A-Za-z0-9_-]{20,}`,
  String.raw`\bmhb_[A-Za-z0-9_-]{40,}`,
  String.raw`(?<![A-Za-z0-9])(?:bot)?[0-9]{6,12}:AA[A-Za-z0-9_-]{20,}`,
  String.raw`(?<![\w-])[MNO][\w-]{22,30}\.[\w-]{6}\.[\w-]{25,}`,
  String.raw`(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}`,
  String.raw`\b[Bb]earer [\w.~+/=-]{16,}`,
  // Up to its end, or to that of the text where it has none.
  String.raw`-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[^]*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|$)`,
];
const secretValue = new RegExp(secretForms.join('|'), 'g');
const passwordInUrl = /(:\/\/[^\s/:@]*:)[^\s/?#]+@/g;

/** Of a value as JSON, with the salt of its fleet: equal values stay equal, and tell nothing else. */
export const hashedValue = (json: Buffer | string, salt = ''): string =>
  `sha256:${createHash('sha256').update(`${salt} `).update(json).digest('hex').slice(0, 32)}`;

/** No secret that is known by its form is shorter, but for passwords in addresses. */
const secretCharsMin = 12;

/** The text with every part that is a secret, or has the form of one, replaced. */
export const redact = (text: string, { token, hide }: Redaction = nothingMore): string => {
  let clean = token && text.includes(token) ? text.replaceAll(token, redacted) : text;
  if (clean.length >= secretCharsMin) clean = clean.replace(secretValue, redacted);
  if (clean.includes('@')) clean = clean.replace(passwordInUrl, `$1${redacted}@`);
  clean = hideNamed(clean);
  return hide ? hide(clean) : clean;
};
