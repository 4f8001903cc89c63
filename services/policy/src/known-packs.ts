// The packs that there are for a workspace: those that come with Molthub, and its own out of the read model.
import { PolicyRule } from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import type { Reads } from '@molthub/event-store';
import { z } from 'zod';
import { compiledBuiltins } from './builtin-packs.ts';
import { gently } from './gently.ts';
import { type CompiledPack, compiling, type Pack } from './pack.ts';

/**
 * A pack at a version never changes, so it is compiled once; a few workspaces' worth are kept. The time is in the key
 * because a restored database may give the same version another content.
 */
const compiledKept = 500;
const compiled = new Map<string, CompiledPack>();

const Row = z.object({ id: z.uuid(), key: z.string() });
const keyColumn = "id || '/' || version || '/' || updated_at::text as key";

/** Every pack of a workspace, active or not, compiled. */
export const packsOf = async (workspace: string, reads: Reads): Promise<readonly CompiledPack[]> => {
  const rows = z.array(Row).parse(await reads(`select id, ${keyColumn} from packs where workspace = $1`, [workspace]));
  const missing = rows.filter(({ key }) => !compiled.has(key));
  if (missing.length > 0)
    await compile(
      missing.map(({ id }) => id),
      reads,
    );
  const own = rows.map(({ key }) => compiled.get(key) ?? null);
  // One changed between the two reads: what is there now is read again.
  if (own.includes(null)) return packsOf(workspace, reads);
  return [...compiledBuiltins, ...own.filter((pack) => pack !== null)];
};

/** One pack of a workspace, or of Molthub. Throws `Rejected` where there is none. */
export const packOf = async (packId: string, workspace: string, reads: Reads): Promise<CompiledPack> => {
  const packs = await packsOf(workspace, reads);
  const found = packs.find(({ pack }) => pack.id === packId);
  if (found) return found;
  const message = `There is no such policy pack; ${knownIn(packs)}`;
  throw new Rejected('policy.pack-not-found', message, [
    { path: 'policyPackId', code: 'policy.pack-not-found', message },
  ]);
};

/** What to use instead of a pack that is not there. */
export const knownIn = (packs: readonly CompiledPack[]): string => {
  const builtin = packs.filter(({ pack }) => pack.isBuiltin).map(({ pack }) => pack.id);
  return `use one of the workspace's own, or of: ${builtin.join(', ')}.`;
};

const Stored = z.object({
  key: z.string(),
  id: z.uuid(),
  version: z.int(),
  name: z.string(),
  description: z.string(),
  priority: z.int(),
  targetEnvironments: z.array(z.enum(['dev', 'staging', 'prod'])),
  targetTags: z.record(z.string(), z.string()),
  isEnforced: z.boolean(),
  autoApply: z.boolean(),
  isActive: z.boolean(),
  rules: z.array(PolicyRule),
});

const compile = async (ids: readonly string[], reads: Reads): Promise<void> => {
  const rows = await reads(
    `select ${keyColumn}, id, version, name, description, priority, target_environments as "targetEnvironments",
       target_tags as "targetTags", is_enforced as "isEnforced", auto_apply as "autoApply", is_active as "isActive", rules
     from packs where id = any($1::uuid[])`,
    [ids],
  );
  for (const { key, version, ...stored } of z.array(Stored).parse(rows)) {
    const pack: Pack = { ...stored, version: String(version), isBuiltin: false };
    if (compiled.size >= compiledKept) compiled.clear();
    compiled.set(key, await gently(compiling(pack)));
  }
};
