// A plan is shown before the server has judged it, so what may be a secret is not shown at all.

const secretName = /token|secret|password|passwd|api[-_]?key|credential|private[-_]?key/i;
const secretText = /^(sk-|ghp_|gho_|xox[a-z]-|AKIA|eyJ)|-----BEGIN|^\d{6,}:[\w-]{20,}/;

/** The value with `•••` for each text that stands under a telling name or looks like a known kind of secret. */
export const veiled = (value: unknown, name = ''): unknown => {
  if (typeof value === 'string') return secretName.test(name) || secretText.test(value) ? '•••' : value;
  if (Array.isArray(value)) return value.map((one) => veiled(one, name));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, veiled(one, key)]));
};

const secretNameEnd = /(?:token|secret|password|passwd|passphrase|api[-_]?key|private[-_]?key|credential)$/i;
const reference = /^\$\{[A-Za-z_][A-Za-z0-9_]*\}$/;

/** Where a text is written out that is a secret by its form, or by the name it stands under. References are none. */
export const secretPaths = (value: unknown, path: readonly PropertyKey[] = []): readonly (readonly PropertyKey[])[] => {
  if (typeof value === 'string') {
    const name = path.findLast((key) => typeof key === 'string') ?? '';
    const isSecret = secretText.test(value) || (secretNameEnd.test(name) && !reference.test(value));
    return isSecret && value !== '' ? [path] : [];
  }
  if (Array.isArray(value)) return value.flatMap((one, index) => secretPaths(one, [...path, index]));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, one]) => secretPaths(one, [...path, key]));
};
