// A JSON value that others may read: what looks like a secret is hidden, by its form or by the names it stands below.
import { isSecretName } from '@molthub/contracts';
import { isLiteralSecret } from './literal-secrets.ts';

const maskedDepthMax = 40;
const hidden = '[redacted]';

type Text = (shown: string) => string;

/** `name` is what the value is called; `text` is done to each text and key that is shown. */
export const masked = (value: unknown, name = '', text: Text = (shown) => shown): unknown =>
  mask(value, name, 0, holdsSecrets(name, value), text);

const mask = (value: unknown, name: string, depth: number, secret: boolean, text: Text): unknown => {
  if (typeof value === 'string') {
    if (secret && value !== '') return hidden;
    return value.length > 3 && isLiteralSecret(value, name) ? hidden : text(value);
  }
  if (typeof value !== 'object' || value === null) return secret && typeof value === 'number' ? hidden : value;
  if (depth >= maskedDepthMax) return '[too deep]';
  if (Array.isArray(value)) return value.map((item) => mask(item, name, depth + 1, secret, text));
  // A reference names where a secret is kept; what is not a reference below a secret's name is hidden as a whole.
  const below = secret && !('provider' in value);
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      text(key),
      mask(item, key, depth + 1, below || holdsSecrets(key, item), text),
    ]),
  );
};

/** `secrets: { OPENAI: 'sk-…' }` and `token: 1234`: the name says it, whatever the values look like. */
const holdsSecrets = (key: string, item: unknown): boolean =>
  typeof item === 'object'
    ? /(?:secrets|passwords|credentials|tokens)$/i.test(key) || isSecretName(key)
    : isSecretName(key);
