// The ids behind the names that documents use, each asked for once.
import { z } from 'zod';
import type { Client } from './client.ts';
import { CliError } from './cli-error.ts';
import type { Server } from './document-kind.ts';
import { documentKindOf } from './document-kinds.ts';

const Thing = z.looseObject({ id: z.string(), name: z.string() });
type Thing = z.infer<typeof Thing>;

/** What is not there is asked for again, since applying documents makes it. */
export const serverOf = (client: Client): Server => {
  const byName = new Map<string, Promise<Thing | undefined>>();
  const byId = new Map<string, Promise<Thing>>();
  const pathOf = (kind: string): string => {
    const path = documentKindOf(kind)?.path;
    if (path === undefined) throw new CliError(`there is no kind of document '${kind}'`);
    return path;
  };
  return {
    client,
    thing: async (kind, name) => {
      const key = `${kind}/${name}`;
      const asked =
        byName.get(key) ?? client.all(Thing, pathOf(kind), { name }, 1).then(([thing]): Thing | undefined => thing);
      byName.set(key, asked);
      const thing = await asked;
      if (thing === undefined) byName.delete(key);
      return thing;
    },
    nameOf: async (kind, id) => {
      const asked = byId.get(id) ?? client.get(Thing, `${pathOf(kind)}/${id}`);
      byId.set(id, asked);
      return (await asked).name;
    },
  };
};
