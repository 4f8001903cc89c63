// Which values of a bot's configuration are secret, and what stands in for them.
import { z } from 'zod';
import { isObject } from './json-tree.ts';

/** What OpenClaw shows instead of a secret: it may stand for any value. */
export const OPENCLAW_REDACTED = '__OPENCLAW_REDACTED__';
export const REDACTED = '[redacted]';

const SECRET_NAME =
  /(token|password|passwd|secret|api_?key|private_?key|credential|authorization|cookie|webhook_?url|nsec)s?$/i;
/** Counts of tokens, which models have and nobody hides. */
const TOKEN_COUNT = /(max|min|context|total|input|output|budget|reserve|keep|target).*tokens$/i;
const hints = z.object({ uiHints: z.record(z.string(), z.looseObject({ sensitive: z.boolean().optional() })) });

/**
 * The paths that OpenClaw's own `config.schema` answer marks as sensitive; `*` stands for one name, `[]` for one
 * item.
 */
export function sensitivePaths(schemaWithHints: unknown): readonly string[] {
  const parsed = hints.safeParse(schemaWithHints);
  if (!parsed.success) return [];
  return Object.entries(parsed.data.uiHints).flatMap(([path, hint]) => (hint.sensitive === true ? [path] : []));
}

export type Sensitive = (path: readonly string[]) => boolean;

/** Secret by its last name, or by one of OpenClaw's hints; below a secret everything is secret. */
export function sensitiveBy(patterns: readonly string[] = []): Sensitive {
  const split = patterns.map((pattern) =>
    pattern
      .replaceAll('[]', '.*')
      .split('.')
      .filter((part) => part !== ''),
  );
  return (path) =>
    path.some((name) => SECRET_NAME.test(name) && !TOKEN_COUNT.test(name)) ||
    inEnvironment(path) ||
    split.some((parts) => parts.length <= path.length && parts.every((part, i) => part === '*' || part === path[i]));
}

/** `env` maps and request headers carry keys under any name. */
function inEnvironment(path: readonly string[]): boolean {
  return path.slice(0, -1).some((name) => name === 'env' || name === 'vars' || name === 'headers');
}

/** A copy in which every secret value reads `[redacted]`. */
export function redacted(value: unknown, sensitive: Sensitive, path: readonly string[] = []): unknown {
  if (value === undefined || value === null || typeof value === 'boolean') return value;
  if (path.length > 0 && sensitive(path)) return REDACTED;
  if (Array.isArray(value)) return value.map((item, index) => redacted(item, sensitive, [...path, String(index)]));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, redacted(item, sensitive, [...path, name])]),
  );
}
