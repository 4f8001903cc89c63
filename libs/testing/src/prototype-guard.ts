// Runs in every test file: no test may leave a new key on the built-in prototypes. That is how polluted input shows
// itself, whichever code let it through.
import { afterEach } from 'vitest';

const guarded = new Map<string, { readonly prototype: object; readonly keys: ReadonlySet<PropertyKey> }>(
  Object.entries({ Object: Object.prototype, Array: Array.prototype, Function: Function.prototype }).map(
    ([name, prototype]) => [name, { prototype, keys: new Set(Reflect.ownKeys(prototype)) }],
  ),
);

afterEach(() => {
  const added: string[] = [];
  for (const [name, { prototype, keys }] of guarded) {
    for (const key of Reflect.ownKeys(prototype)) {
      if (keys.has(key)) continue;
      added.push(`${name}.prototype.${String(key)}`);
      // Removed, so that only the test that added it fails.
      Reflect.deleteProperty(prototype, key);
    }
  }
  if (added.length > 0) throw new Error(`This test polluted a built-in prototype: ${added.join(', ')}`);
});
