// Names where the server's answers have ids: for tables, which people read. What is gone, or not ours to see, stays an id.
import { WaiverScope } from '@molthub/contracts';
import { z } from 'zod';
import type { Loose } from './answers.ts';
import type { Client } from './client.ts';
import { concurrently } from './concurrently.ts';
import { orId } from './find.ts';
import type { Kind } from './kinds.ts';
import { serverOf } from './server-things.ts';

type Names = {
  readonly pack: (id: string) => Promise<string>;
  readonly fleet: (id: string) => Promise<string>;
  /** `fleet/name` */
  readonly bot: (id: string) => Promise<string>;
};

const readsAtOnce = 8;
const Placed = z.looseObject({ name: z.string(), fleetName: z.string() });

/** Each is asked for once. */
const namesBy = (client: Client): Names => {
  const server = serverOf(client);
  const bots = new Map<string, Promise<string>>();
  const botOf = async (id: string) => {
    const { fleetName, name } = await client.get(Placed, `/bot-instances/${id}`);
    return `${fleetName}/${name}`;
  };
  return {
    // Those that come with Molthub have ids that people can read.
    pack: (id) => (z.uuid().safeParse(id).success ? orId(server.nameOf('PolicyPack', id), id) : Promise.resolve(id)),
    fleet: (id) => orId(server.nameOf('Fleet', id), id),
    bot: (id) => {
      const asked = bots.get(id) ?? orId(botOf(id), id);
      bots.set(id, asked);
      return asked;
    },
  };
};

/** How to call the packs that these findings are by. */
export const packNames = async (
  client: Client,
  findings: readonly { readonly packId: string }[],
): Promise<(packId: string) => string> => {
  const names = namesBy(client);
  const ids = [...new Set(findings.map(({ packId }) => packId))];
  const found = new Map(await concurrently(ids, readsAtOnce, async (id) => [id, await names.pack(id)] as const));
  return (packId) => found.get(packId) ?? packId;
};

const ByPack = z.looseObject({ packId: z.string() });
const Scoped = ByPack.extend({ scope: WaiverScope });
const Targeting = z.looseObject({ target: z.looseObject({ fleetId: z.string() }) });

/** What the lists of a kind say by names; they are shown in the columns of the ids. */
const namings: Readonly<Record<string, (row: Loose, names: Names) => Promise<Loose>>> = {
  violations: async (row, names) => {
    const { packId } = ByPack.parse(row);
    return { ...row, packId: await names.pack(packId) };
  },
  waivers: async (row, names) => {
    const { packId, scope } = Scoped.parse(row);
    return { ...row, packId: await names.pack(packId), scope: await scopeText(scope, names) };
  },
  overlays: async (row, names) => {
    const targeting = Targeting.safeParse(row);
    return targeting.success ? { ...row, target: `fleet ${await names.fleet(targeting.data.target.fleetId)}` } : row;
  },
};

const scopeText = async (scope: WaiverScope, names: Names): Promise<string> => {
  if ('botInstanceId' in scope) return `bot ${await names.bot(scope.botInstanceId)}`;
  if ('fleetId' in scope) return `fleet ${await names.fleet(scope.fleetId)}`;
  const labels = Object.entries(scope.selector).map(([name, value]) => `${name}=${value}`);
  return `labels ${labels.join(', ')}`;
};

export const namedRows = (client: Client, kind: Kind, rows: readonly Loose[]): Promise<Loose[]> => {
  const names = namesBy(client);
  const naming = namings[kind.name];
  return concurrently(rows, readsAtOnce, async (row) => (naming === undefined ? row : naming(row, names)));
};
