// Every bot of a workspace with what decides about its layers, in parts, so that ten thousand hold up nobody.
import { setImmediate } from 'node:timers/promises';
import { Environment, Manifest, Release } from '@molthub/contracts';
import type { Reads } from '@molthub/event-store';
import { z } from 'zod';
import type { LayeredBot } from './layered.ts';

/** `layeredHash`: what it resolved to by its layers when it was last looked at; null where it did not. */
export type ReachedBot = LayeredBot & {
  readonly botId: string;
  readonly botName: string;
  readonly fleetId: string;
  readonly fleetName: string;
  readonly release: Release;
  readonly manifestVersion: number;
  readonly manifest: Manifest;
  readonly layeredHash: string | null;
  /** What its fleet was called when the manifest was resolved. */
  readonly resolvedFleetName: string;
};

const Row = z.object({
  botId: z.uuid(),
  botName: z.string(),
  fleetId: z.uuid(),
  fleetName: z.string(),
  environment: Environment,
  release: Release,
  manifestVersion: z.int(),
  // Checked when it was taken; checking ten thousand of them again would take seconds.
  manifest: z.custom<Manifest>((value) => typeof value === 'object' && value !== null),
  layeredHash: z.string().nullable(),
  resolvedFleetName: z.string(),
});

/** Before every id. */
const lowest = '00000000-0000-0000-0000-000000000000';
const pageMax = 200;
/** Well below the 50 ms that nothing may hold the event loop. */
const sliceMs = 10;

export async function* botsOf(workspace: string, reads: Reads): AsyncGenerator<ReachedBot> {
  let after = lowest;
  let began = performance.now();
  for (;;) {
    const rows = await reads(
      `select b.id as "botId", b.name as "botName", b.fleet_id as "fleetId", f.name as "fleetName", b.environment,
         f.release, b.manifest_version as "manifestVersion", m.manifest,
         case when l.bot_id is null then b.desired_hash else l.hash end as "layeredHash",
         coalesce(m.resolved->'metadata'->>'fleet', f.name) as "resolvedFleetName"
       from bots b join fleets f on f.id = b.fleet_id
       join manifests m on m.bot_id = b.id and m.version = b.manifest_version
       left join layered l on l.bot_id = b.id
       where b.workspace = $1 and b.id > $2 order by b.id limit ${pageMax}`,
      [workspace, after],
    );
    const page = z.array(Row).parse(rows);
    for (const bot of page) {
      yield { ...bot, workspace };
      if (performance.now() - began < sliceMs) continue;
      await setImmediate();
      began = performance.now();
    }
    const last = page.at(-1);
    if (!last || page.length < pageMax) return;
    after = last.botId;
  }
}

const Labelled = z.object({
  botId: z.uuid(),
  fleetId: z.uuid(),
  environment: Environment,
  labels: z.record(z.string(), z.string()),
});

const labelledMax = 1_000;

/** Every bot with the labels that its own manifest says, read in parts. */
export async function* labelledBots(workspace: string, reads: Reads): AsyncGenerator<z.infer<typeof Labelled>> {
  let after = lowest;
  for (;;) {
    const rows = await reads(
      `select b.id as "botId", b.fleet_id as "fleetId", b.environment,
         coalesce(m.manifest->'metadata'->'labels', '{}') as labels
       from bots b join manifests m on m.bot_id = b.id and m.version = b.manifest_version
       where b.workspace = $1 and b.id > $2 order by b.id limit ${labelledMax}`,
      [workspace, after],
    );
    const page = z.array(Labelled).parse(rows);
    yield* page;
    const last = page.at(-1);
    if (!last || page.length < labelledMax) return;
    after = last.botId;
  }
}
