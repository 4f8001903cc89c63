// Secrets that only a name in front of them tells, inside of longer texts: `password=…`, `"apiKey":"…"`, `--token …`,
// `Authorization: Basic …`. Prose that speaks of passwords and tokens stays as it is.
import { isSecretName } from '@molthub/contracts';

export const redacted = '[redacted]';

/** Whether everything below this key is secret. */
export const isSecretKey = (key: string): boolean => isSecretName(key) || /(?:^|[._-])credentials$/i.test(key);

/** What the names of secrets end in; whether such a name is one is for `isSecretKey` to say. */
export const nameEndings = [
  'token',
  'password',
  'passwd',
  'passphrase',
  'secret',
  'credential',
  'credentials',
  'authorization',
  'bearer',
  'cookie',
  'key',
  'keys',
  'pass',
] as const;
/** A name counts by its last characters, and by these only. */
export const nameCharsMax = 128;
export const spacesMax = 4;
export const backslashesMax = 8;
const blanksMax = 8;

// The end of a name, what closes it, and what stands between it and its value; or the beginning of an option. Each part
// is bounded, and whoever moves on past a value never comes back: the time is linear.
const named = new RegExp(
  [
    String.raw`(${nameEndings.join('|')})(\\{0,${backslashesMax}}["'\`]|\])?[ \t]{0,${spacesMax}}[=:]`,
    String.raw`(?<![\w-])--[a-z]`,
  ].join('|'),
  'gi',
);

type Cut = { readonly from: number; readonly to: number; readonly by: string };
/** What is to be cut, and where to go on looking. */
type Found = { readonly cuts: readonly Cut[]; readonly next: number };

/** The text with the values of names of secrets replaced. */
export const hideNamed = (text: string): string => {
  const parts: string[] = [];
  let copied = 0;
  named.lastIndex = 0;
  for (let match = named.exec(text); match; match = named.exec(text)) {
    const [all, ending, closing] = match;
    const end = match.index + all.length;
    const { cuts, next } =
      ending === undefined
        ? afterOption(text, match.index)
        : afterName(text, { nameEnd: match.index + ending.length, closing: closing ?? '', end });
    for (const { from, to, by } of cuts) {
      parts.push(text.slice(copied, from), by);
      copied = to;
    }
    named.lastIndex = next;
  }
  return copied === 0 ? text : parts.join('') + text.slice(copied);
};

const nothing = (next: number): Found => ({ cuts: [], next });
const one = (from: number, to: number, by: string = redacted): Found => ({ cuts: [{ from, to, by }], next: to });

const isOfName = (code: number): boolean =>
  (code >= 0x61 && code <= 0x7a) ||
  (code >= 0x41 && code <= 0x5a) ||
  (code >= 0x30 && code <= 0x39) ||
  code === 0x2d ||
  code === 0x2e ||
  code === 0x5f;

const nameBefore = (text: string, end: number): string => {
  let from = end;
  while (from > 0 && end - from < nameCharsMax && isOfName(text.charCodeAt(from - 1))) from -= 1;
  return text.slice(from, end);
};

type Said = { readonly nameEnd: number; readonly closing: string; readonly end: number };

const afterName = (text: string, { nameEnd, closing, end }: Said): Found => {
  const name = nameBefore(text, nameEnd);
  if (!isSecretKey(name)) return nothing(end);
  const isAssigned = text[end - 1] === '=';
  // A comparison gives no value; `:=` and `=>` do.
  if (isAssigned && text[end] === '=') return nothing(end);
  const isLong = text[end] === (isAssigned ? '>' : '=');
  const valueAt = passBlanks(text, isLong ? end + 1 : end);
  if (text[valueAt] === '[') {
    const items = quotedItems(text, valueAt + 1);
    if (items.next > valueAt + 1) return items;
  }
  const quoted = quotedAt(text, valueAt);
  if (quoted) return quoted;
  const isQuotedName = closing !== '' && closing !== ']';
  if (isQuotedName) return bareMember(text, valueAt, closing);
  return isAssigned && !isLong && valueAt === end ? bareAssigned(text, end) : bareSaid(text, valueAt, name);
};

const passBlanks = (text: string, from: number): number => {
  let at = from;
  while (at < from + blanksMax && (text[at] === ' ' || text[at] === '\t')) at += 1;
  return at;
};

const opening = new RegExp(String.raw`(\\{0,${backslashesMax}})(["'\`])`, 'y');

/** What stands in quotes, which may be escaped themselves; it ends at the latest with its line. */
const quotedAt = (text: string, at: number): Found | null => {
  opening.lastIndex = at;
  const [all, escapes = '', quote = ''] = opening.exec(text) ?? [];
  if (all === undefined) return null;
  const from = at + all.length;
  const to = endOfQuoted(text, from, quote, escapes.length);
  const value = text.slice(from, to);
  return value === '' || value === redacted || isReference(value) ? nothing(to) : one(from, to);
};

const endOfQuoted = (text: string, from: number, quote: string, escapes: number): number => {
  let backslashes = 0;
  for (let at = from; at < text.length; at++) {
    const character = text[at];
    if (character === '\\') backslashes += 1;
    else {
      // A quote within a value is escaped once more than those around it.
      const isEnd = escapes === 0 ? backslashes % 2 === 0 : backslashes <= escapes;
      if (character === quote && isEnd) return at - (escapes === 0 ? 0 : backslashes);
      if (character === '\n') return at;
      backslashes = 0;
    }
  }
  return text.length;
};

const quotedItems = (text: string, from: number): Found => {
  const cuts: Cut[] = [];
  let next = from;
  for (;;) {
    const found = quotedAt(text, passSpace(text, next));
    if (!found) return { cuts, next };
    cuts.push(...found.cuts);
    opening.lastIndex = found.next;
    const end = found.next + (opening.exec(text)?.[0].length ?? 0);
    next = end;
    const comma = passSpace(text, end);
    if (text[comma] !== ',') return { cuts, next };
    next = comma + 1;
  }
};

const space = /\s*/y;
const passSpace = (text: string, from: number): number => {
  space.lastIndex = from;
  return from + (space.exec(text)?.[0].length ?? 0);
};

const bare = /(?:\[redacted\]|[^\s"'`&;,)\]}<>|\\])*/y;
const bareAt = (text: string, at: number): string => {
  // Templates are filled by others; and a long one that is left must not be read again and again.
  if (text[at] === '{' || text.startsWith('${', at)) return '';
  bare.lastIndex = at;
  return bare.exec(text)?.[0] ?? '';
};

/** What is no secret but stands where one would. */
const isReference = (value: string): boolean =>
  /^(?:null|none|nil|undefined|true|false|\*+|\$\{[^}]*\}?|\$[A-Z_]+|%[sdv]|%[A-Z_]+%)$/i.test(value);
const isNone = (value: string): boolean => value === '' || value === redacted || isReference(value);

/** Of JSON, which stays JSON. */
const bareMember = (text: string, at: number, quote: string): Found => {
  const value = bareAt(text, at);
  return isNone(value) || value.startsWith('[')
    ? nothing(at)
    : one(at, at + value.length, `${quote}${redacted}${quote}`);
};

const bareAssigned = (text: string, at: number): Found => {
  const value = bareAt(text, at);
  return isNone(value) ? nothing(at) : one(at, at + value.length);
};

const scheme = /(?:basic|bearer|token|digest|apikey|negotiate)[ \t]{1,4}/iy;
const restOfLine = /[^\r\n"'`\\]*/y;
/** An address, a call in a program, or the next name with its value. */
const noSecretItself = /[a-z]{2,10}:\/\/|[a-z_$][\w.$]*\(|[a-z_][\w.-]*=[^=\s]/iy;

/** Behind a colon, or with blanks around: there prose speaks as well. */
const bareSaid = (text: string, at: number, name: string): Found => {
  if (/cookie$/i.test(name) && bareAt(text, at).includes('=')) {
    restOfLine.lastIndex = at;
    return one(at, at + (restOfLine.exec(text)?.[0].length ?? 0));
  }
  scheme.lastIndex = at;
  const from = at + (/authorization$/i.test(name) ? (scheme.exec(text)?.[0].length ?? 0) : 0);
  noSecretItself.lastIndex = from;
  if (noSecretItself.test(text)) return nothing(from);
  const value = bareAt(text, from);
  return isNone(value) || !looksSecret(value, name) ? nothing(from) : one(from, from + value.length);
};

/** No word of a language: long, or with a digit, a sign, or a capital inside of it. */
const looksSecret = (value: string, name: string): boolean => {
  if (value.length >= secretWordChars) return true;
  const word = value.replace(/[.!?:]+$/, '');
  if (word.length < 6) return false;
  // Tokens are counted, too.
  if (/^[\d.%]+$/.test(word)) return !/token$/i.test(name);
  return /[0-9!@#$%^*+=~]|[a-z][A-Z]/.test(word);
};
const secretWordChars = 20;

const option = /--[\w.-]{1,64}(\\{0,8}["'`])?(?:[ \t]{0,4},\s{0,8}|[ \t]{1,8})/y;

const afterOption = (text: string, at: number): Found => {
  option.lastIndex = at;
  const [all = '', closing] = option.exec(text) ?? [];
  const [name = ''] = /^--[\w.-]+/.exec(all) ?? [];
  // Where it has its value behind a sign, that is found by its name.
  const next = at + 2;
  if (all.length === name.length || !isSecretKey(name)) return nothing(next);
  const valueAt = at + all.length;
  opening.lastIndex = valueAt;
  const quoteChars = opening.exec(text)?.[0].length ?? 0;
  if (text[valueAt + quoteChars] === '-') return nothing(next);
  const quoted = quoteChars > 0 ? quotedAt(text, valueAt) : null;
  if (quoted) return quoted;
  const value = closing === undefined ? bareAt(text, valueAt) : '';
  return isNone(value) || wordsBehindOptions.has(value.toLowerCase().replace(/[.!?:]+$/, ''))
    ? nothing(next)
    : one(valueAt, valueAt + value.length);
};

/** Of sentences about an option. */
const wordsBehindOptions = new Set(
  `a after again also an and are argument as at because before but by can cannot does environment expects file flag for
   from had has if in instead into is it may missing must nor not on only option or parameter provided required requires
   set should so takes than that the then this to twice until value was were when where which will with without`.split(
    /\s+/,
  ),
);

/** Whether an item of a list says that the next one is secret, as `--token` does. */
export const isSecretOption = (text: string): boolean =>
  text.startsWith('--') && text.length <= nameCharsMax && /^[\w.-]+$/.test(text) && isSecretKey(text);
