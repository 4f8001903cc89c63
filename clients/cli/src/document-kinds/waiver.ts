// A waiver: things by their names, as people write them; ids as the server has them. It is not changed: another one takes
// its place, and one that has ended at its time is what its document says.
import { CreateWaiver, EntityName, Labels, PackId, WaiverScope, WaiverStatus } from '@molthub/contracts';
import { z } from 'zod';
import type { Client } from '../client.ts';
import { concurrently } from '../concurrently.ts';
import type { Current, Document, DocumentKind, Server } from '../document-kind.ts';
import { find, findBot, Identified, orId } from '../find.ts';
import { kindOf } from '../kinds.ts';

const { name, ruleId, owner, reason, expiresAt } = CreateWaiver.data.shape;

export const WaiverDocument = z.strictObject({
  apiVersion: z.literal('molthub/v1'),
  kind: z.literal('Waiver'),
  metadata: z.strictObject({ name }),
  spec: z
    .strictObject({
      pack: z.string().min(1).max(100).describe('Its name or id.'),
      rule: ruleId,
      bot: z
        .string()
        .regex(/^[^/]+\/[^/]+$/, 'write fleet/name')
        .optional(),
      fleet: EntityName.optional(),
      selector: Labels.optional(),
      owner,
      reason,
      expiresAt,
    })
    .refine((spec) => [spec.bot, spec.fleet, spec.selector].filter((one) => one !== undefined).length === 1, {
      path: ['bot'],
      message: 'write one of bot, fleet and selector',
    }),
});
export type WaiverDocument = z.infer<typeof WaiverDocument>;

const Waiver = z.looseObject({
  id: z.uuid(),
  name: z.string(),
  status: WaiverStatus,
  packId: z.string(),
  ruleId: z.string(),
  scope: WaiverScope,
  owner: z.string(),
  reason: z.string(),
  expiresAt: z.string(),
});
type Waiver = z.infer<typeof Waiver>;

const path = '/policy/waivers';
const readsAtOnce = 8;

export const waiverKind: DocumentKind = {
  kind: 'Waiver',
  noun: 'waiver',
  path,
  schema: WaiverDocument,
  labelsAt: undefined,
  isWhole: true,
  comparable: (document) => {
    const { spec, ...rest } = WaiverDocument.parse(document);
    return { ...rest, spec: { ...spec, expiresAt: new Date(spec.expiresAt).toISOString() } };
  },
  isLeaf: false,
  // A bot that is there may need it for its change; one that is not has no id yet.
  isLate: (document, created) => created.has(`bot/${WaiverDocument.parse(document).spec.bot}`),
  lapsed: (document) => {
    const { expiresAt } = WaiverDocument.parse(document).spec;
    if (Date.parse(expiresAt) > Date.now()) return undefined;
    const reason = `${expiresAt} is over; write a time to come, or remove the document`;
    return { path: ['spec', 'expiresAt'], reason };
  },
  titleOf: ({ metadata }) => `waiver/${metadata.name}`,
  referencesOf: (document) => {
    const { pack, fleet } = WaiverDocument.parse(document).spec;
    return [
      ...(PackId.safeParse(pack).success ? [] : [{ kind: 'PolicyPack', name: pack, path: ['spec', 'pack'] }]),
      ...(fleet === undefined ? [] : [{ kind: 'Fleet', name: fleet, path: ['spec', 'fleet'] }]),
    ];
  },
  remarksOn: (document) => {
    const lapsed = waiverKind.lapsed?.(document);
    return lapsed === undefined ? [] : [{ severity: 'warning', path: lapsed.path, message: lapsed.reason }];
  },
  find: async (server, document) => {
    const { pack } = WaiverDocument.parse(document).spec;
    const query = { name: document.metadata.name, sort: '-createdAt' };
    const [newest] = await server.client.all(Waiver, path, query, 1);
    const isLapsed = waiverKind.lapsed?.(document) !== undefined;
    if (newest === undefined || (newest.status === 'DELETED' && !isLapsed)) return undefined;
    const found = await currentOf(server, newest, pack);
    const current = newest.status === 'ACTIVE' ? found : withGone(found, document);
    const wanted = JSON.stringify(waiverKind.comparable(document).spec);
    // What has ended is only what its document says while that says the same; otherwise another one is made.
    const isSame = sorted(wanted) === sorted(JSON.stringify(waiverKind.comparable(current.document).spec));
    return newest.status === 'ACTIVE' || isLapsed || isSame ? current : undefined;
  },
  all: async (server, { id } = {}) => {
    const { client } = server;
    const waivers =
      id === undefined
        ? await client.all(Waiver, path, { status: 'ACTIVE' })
        : [await client.get(Waiver, `${path}/${id}`)];
    return concurrently(waivers, readsAtOnce, (waiver) => currentOf(server, waiver, waiver.packId));
  },
  create: async ({ client }, document) => {
    await make(client, document);
    return undefined;
  },
  change: async ({ client }, document, { id }) => {
    await make(client, document, id);
    return undefined;
  },
};

/** What ended may have outlived what it was about, which its document still calls by name. */
const withGone = (current: Current, document: Document): Current => {
  const { spec } = WaiverDocument.parse(document);
  const isGone = (said: unknown) => typeof said === 'string' && z.uuid().safeParse(said.replace(/^gone\//, '')).success;
  const gone = (['pack', 'bot', 'fleet'] as const).filter(
    (field) => spec[field] !== undefined && isGone(current.document.spec[field]),
  );
  const said = Object.fromEntries(gone.map((field) => [field, spec[field]]));
  return { ...current, document: { ...current.document, spec: { ...current.document.spec, ...said } } };
};

const sorted = (json: string): string =>
  JSON.stringify(
    Object.entries(z.record(z.string(), z.json()).parse(JSON.parse(json))).toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );

const make = async (client: Client, document: Document, replaces?: string): Promise<void> => {
  const { metadata, spec } = WaiverDocument.parse(document);
  const { pack, rule, owner, reason, expiresAt } = spec;
  const { id: packId } = await find(client, kindOf('policy-packs'), pack, Identified);
  const scope = await scopeOf(client, spec);
  const body = { name: metadata.name, packId, ruleId: rule, scope, owner, reason, ...(replaces && { replaces }) };
  await client.post(Waiver, path, { ...body, expiresAt: new Date(expiresAt).toISOString() }, (id) => `${path}/${id}`);
};

const scopeOf = async (client: Client, { bot, fleet, selector }: WaiverDocument['spec']): Promise<WaiverScope> => {
  if (bot !== undefined) return { botInstanceId: (await findBot(client, bot)).id };
  if (fleet !== undefined) return { fleetId: (await find(client, kindOf('fleets'), fleet, Identified)).id };
  return { selector: selector ?? {} };
};

/** A pack is called as the document calls it: by its name, or by its id. */
const currentOf = async (server: Server, waiver: Waiver, pack: string): Promise<Current> => {
  const { id, packId, ruleId: rule, scope, owner, reason, expiresAt } = waiver;
  const called = pack === packId ? packId : await orId(server.nameOf('PolicyPack', packId), packId);
  const spec = { pack: called, rule, ...(await targetOf(server, scope)), owner, reason, expiresAt };
  const document: Document = { apiVersion: 'molthub/v1', kind: 'Waiver', metadata: { name: waiver.name }, spec };
  return { id, title: `waiver/${waiver.name}`, document };
};

const Placed = z.looseObject({ name: z.string(), fleetName: z.string() });

const targetOf = async (server: Server, scope: WaiverScope): Promise<Partial<WaiverDocument['spec']>> => {
  if ('selector' in scope) return { selector: scope.selector };
  if ('fleetId' in scope) return { fleet: await orId(server.nameOf('Fleet', scope.fleetId), scope.fleetId) };
  const bot = server.client.get(Placed, `/bot-instances/${scope.botInstanceId}`);
  return {
    bot: await orId(
      bot.then(({ fleetName, name: own }) => `${fleetName}/${own}`),
      `gone/${scope.botInstanceId}`,
    ),
  };
};
