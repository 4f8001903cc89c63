// A plan is shown before the server has judged it, so what may be a secret is not shown at all.
import { isSecretName, isWritten, secretFormOf, withoutReferences } from '@molthub/contracts';

/** Words that hide, wherever they stand in a name or path. More than what a server refuses: hiding too much does no harm. */
const secretWord = /token|secret|passw|passphrase|api[-_]?key|credential|private[-_]?key|authorization|cookie/i;
/** Beginnings of what issuers make, shorter than a server takes for one, and what no name gives away. */
const secretBeginning = /^(?:sk-|gh[pousr]_|github_pat_|glpat-|xox[a-z]-|AKIA|eyJ|\d{6,}:[\w-]{20,})|-----BEGIN/;
const authorization = /(?:^|:\s*)(?:bearer|basic)\s+\S+\s*$/i;
const userInAddress = /:\/\/[^\s/?#]+@/;

const looksSecret = (text: string): boolean => {
  const literal = withoutReferences(text);
  const isForm = secretBeginning.test(literal) || authorization.test(literal) || userInAddress.test(literal);
  return isForm || secretFormOf(text) !== null;
};

/** The value with `•••` for each text that stands under a telling name or looks like a secret. */
export const veiled = (value: unknown, name = ''): unknown => {
  if (typeof value === 'string') return isTelling(name) || looksSecret(value) ? '•••' : value;
  if (Array.isArray(value)) return value.map((one) => veiled(one, name));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, veiled(one, key)]));
};

/** By a name, or by a path such as `smtp.pass[0]`, of which the last name counts. */
const isTelling = (path: string): boolean =>
  secretWord.test(path) ||
  isSecretName(
    path
      .replace(/(?:\[\d+\])+$/, '')
      .split('.')
      .at(-1) ?? '',
  );

/** Where a text is written out that is a secret by its form, or by the name it stands under. References are none. */
export const secretPaths = (value: unknown, path: readonly PropertyKey[] = []): readonly (readonly PropertyKey[])[] => {
  if (typeof value === 'string') {
    const name = path.findLast((key) => typeof key === 'string') ?? '';
    return looksSecret(value) || (isSecretName(name) && isWritten(value)) ? [path] : [];
  }
  if (Array.isArray(value)) return value.flatMap((one, index) => secretPaths(one, [...path, index]));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, one]) => secretPaths(one, [...path, key]));
};
