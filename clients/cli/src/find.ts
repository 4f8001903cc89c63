// From what people type, a name or an id, to the one thing it means.
import { PackId, TemplateId } from '@molthub/contracts';
import { z } from 'zod';
import { Bot } from './answers.ts';
import { CliError } from './cli-error.ts';
import type { Client } from './client.ts';
import { type Kind, kindOf } from './kinds.ts';
import { printable } from './printable.ts';

const Id = z.uuid();
/** Packs and templates that come with Molthub have ids that people can read. */
const idOf = (kind: Kind) => (kind.name === 'policy-packs' ? PackId : kind.name === 'templates' ? TemplateId : Id);
export const Identified = z.looseObject({ id: z.string() });

/** The thing of that kind with that name or id. Throws a CliError where there is none, or more than one. */
export const find = async <S extends z.ZodType<{ id: string }>>(
  client: Client,
  kind: Kind,
  nameOrId: string,
  schema: S,
): Promise<z.infer<S>> => {
  if (idOf(kind).safeParse(nameOrId).success) return client.get(schema, `${kind.path}/${nameOrId}`);
  const singular = kind.aliases[0] ?? kind.name;
  if (!kind.named) throw new CliError(`'${printable(nameOrId)}' is no id; ${kind.name} are found by their id`);
  const found = await client.all(schema, kind.path, { name: nameOrId, ...kind.found }, 2);
  const [only, second] = found;
  if (only === undefined) throw new CliError(`there is no ${singular} '${printable(nameOrId)}'`);
  if (second !== undefined) {
    const ids = found.map((one) => one.id).join(', ');
    throw new CliError(`several ${kind.name} are called '${printable(nameOrId)}': name one by its id (${ids}, …)`);
  }
  return only;
};

/** A thing of any kind; bots also as `fleet/name`. */
export const findOne = (client: Client, kind: Kind, text: string): Promise<z.infer<typeof Identified>> =>
  kind.name === 'bots' ? findBot(client, text) : find(client, kind, text, Identified);

/** A bot by `name`, `fleet/name` or id. */
export const findBot = async (client: Client, text: string): Promise<Bot> => {
  const [fleetName, name] = text.split('/');
  if (fleetName === undefined || name === undefined) return find(client, kindOf('bots'), text, Bot);
  const fleet = await find(client, kindOf('fleets'), fleetName, Identified);
  const [bot] = await client.all(Bot, '/bot-instances', { name, fleetId: fleet.id }, 1);
  if (bot === undefined) throw new CliError(`there is no bot '${printable(name)}' in fleet ${printable(fleetName)}`);
  return bot;
};

/** A name that was asked for, or the id of what is gone or not ours to see. */
export const orId = async (named: Promise<string | undefined>, id: string): Promise<string> => {
  try {
    return (await named) ?? id;
  } catch (error) {
    if (error instanceof CliError && (error.status === 404 || error.status === 403)) return id;
    throw error;
  }
};
