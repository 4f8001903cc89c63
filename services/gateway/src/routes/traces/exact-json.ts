// JSON columns as text, read without losing a digit.

/**
 * JSON of a column. Integers beyond 2^53, which a JavaScript number would change, become their decimal digits as text,
 * as OTLP's own JSON writes them.
 */
export const readJson = (text: string): unknown =>
  // Reading with a second look at every value takes three times as long, and nearly no span needs it.
  longNumeral.test(text) ? JSON.parse(text, exactly) : JSON.parse(text);

const longNumeral = /\d{16}/;
const exactly = (_key: string, value: unknown, context?: { readonly source?: string }): unknown =>
  typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)
    ? (context?.source ?? value)
    : value;
