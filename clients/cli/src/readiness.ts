// What `/readyz` says: each service and each server that Molthub stands on, by name.
import { z } from 'zod';

export type Ready = { readonly name: string; readonly ok: boolean; readonly message: string };

const Entry = z.union([
  z.boolean().transform((ok) => ({ ok, message: '' })),
  z.string().transform((word) => ({ ok: isGood(word), message: isGood(word) ? '' : word })),
  z
    .looseObject({
      ok: z.boolean().optional(),
      ready: z.boolean().optional(),
      status: z.string().optional(),
      message: z.string().nullish(),
      detail: z.string().nullish(),
    })
    .transform(({ ok, ready, status = '', message, detail }) => ({
      ok: ok ?? ready ?? isGood(status),
      message: message ?? detail ?? status,
    })),
]);
const Group = z.union([
  z
    .array(z.looseObject({ name: z.string() }))
    .transform((list) => list.map((entry): [string, unknown] => [entry.name, entry])),
  z.record(z.string(), z.unknown()).transform((record) => Object.entries(record)),
]);

const isGood = (word: string): boolean => ['ok', 'ready', 'up', 'pass', 'connected'].includes(word.toLowerCase());

/** Every named part of a readiness answer, in its order. An answer that names none gives none. */
export const readinessOf = (body: unknown): Ready[] => {
  const top = z.record(z.string(), z.unknown()).safeParse(body);
  if (!top.success) return [];
  return Object.values(top.data).flatMap((part) => {
    if (typeof part !== 'object') return [];
    const group = Group.safeParse(part);
    if (!group.success) return [];
    return group.data.flatMap(([name, value]) => {
      const entry = Entry.safeParse(value);
      return entry.success ? [{ name, ...entry.data }] : [];
    });
  });
};
