// Finds secrets that were written out instead of referenced. It never repeats a value, only where it stands.
import { isSecretName, isWritten, secretFormOf } from '@molthub/contracts';
import { childPath, type PathPart } from './path.ts';

export type LiteralSecret = { readonly path: string; readonly kind: string };

/**
 * Every place of a JSON value where a secret seems to be written out: a well-known form anywhere, or any text at a key
 * that is named like a secret. References (`{ source, provider, id }` and `${NAME}`) are fine. Sorted by path; time is
 * linear in the size. The value must have passed `structureProblems`.
 */
export const literalSecrets = (root: unknown): readonly LiteralSecret[] => {
  const found: LiteralSecret[] = [];
  const steps: PathPart[] = [];
  const below = (step: PathPart, value: unknown, name: string): void => {
    steps.push(step);
    visit(value, name);
    steps.pop();
  };
  const visit = (value: unknown, name: string): void => {
    if (typeof value === 'string') {
      const kind = kindOf(value, name);
      // Nearly no text is a secret, so only of those that are is the path written.
      if (kind !== null) found.push({ path: steps.reduce<string>(childPath, ''), kind });
    } else if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) if (mayHold(item)) below(index, item, name);
    } else if (typeof value === 'object' && value !== null) {
      for (const [key, item] of Object.entries(value)) if (mayHold(item)) below(key, item, key);
    }
  };
  visit(root, '');
  return found.toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
};

/** Whether a text seems to be a secret that is written out, by its form or by the name of what it is the value of. */
export const isLiteralSecret = (text: string, name: string): boolean => kindOf(text, name) !== null;

const kindOf = (text: string, name: string): string | null =>
  secretFormOf(text) ?? (isWritten(text) && isSecretName(name) ? 'value of a secret' : null);

/** Numbers and switches are no secrets, and hold none. */
const mayHold = (value: unknown): boolean => typeof value === 'string' || (typeof value === 'object' && value !== null);
