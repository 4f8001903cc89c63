// Text from a server or a bot may hold control characters that move a terminal's cursor, recolour it or reverse what
// it shows. None of them reaches the terminal.

// Controls but tab and newline, and the characters that change the direction of text or hide in it.
const harmful = /(?![\t\n])[\p{Cc}\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu;
// Whole escape sequences, so that `ESC[31m` leaves no `[31m` behind.
const escape = String.fromCodePoint(0x1b);
const bell = String.fromCodePoint(0x07);
const csi = String.fromCodePoint(0x9b);
const escapeSequence = new RegExp(
  [
    `(?:${escape}\\[|${csi})[0-?]*[ -/]*[@-~]`,
    `${escape}[\\]PX^_][^${bell}${escape}]*(?:${bell}|${escape}\\\\)?`,
    `${escape}[0-OQ-WYZ\\\\\\x60-~]`,
  ].join('|'),
  'g',
);

/** One line of plain text: tabs and newlines become a space. */
export const printable = (text: string): string => printableLines(text).replaceAll(/[\t\n]+/g, ' ');

/** Plain text that may have several lines. */
export const printableLines = (text: string): string => text.replaceAll(escapeSequence, '').replaceAll(harmful, '');

/** The same value with every string in it, keys included, made plain. Cycles are not expected: values come from JSON. */
export const printableDeep = (value: unknown): unknown => {
  if (typeof value === 'string') return printableLines(value);
  if (Array.isArray(value)) return value.map(printableDeep);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [printable(key), printableDeep(part)]));
};

/** JSON text stays exact: what a terminal would act on is escaped instead of removed. */
export const printableJson = (value: unknown, indent?: number): string =>
  JSON.stringify(value, null, indent).replaceAll(harmful, (character) => {
    const code = character.charCodeAt(0).toString(16).padStart(4, '0');
    return `\\u${code}`;
  });
