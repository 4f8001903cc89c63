import { CreatePack, EntityName, Environment, Labels, PackId, Release } from '@molthub/contracts';
import { z } from 'zod';
import { Fleet } from '../answers.ts';
import { CliError } from '../cli-error.ts';
import type { Server } from '../document-kind.ts';
import { namedKind } from '../named-kind.ts';

const isId = (pack: string): boolean => PackId.safeParse(pack).success;

/** Packs that come with Molthub by their id, the workspace's own by their name. */
const EnforcedPack = CreatePack.data.shape.name.refine((pack) => !isId(pack) || pack.startsWith('builtin-'), {
  message: "write the pack's name",
});

const packId = async (server: Server, pack: string): Promise<string> => {
  if (isId(pack)) return pack;
  const found = await server.thing('PolicyPack', pack);
  if (found === undefined) throw new CliError(`there is no policy pack '${pack}', and no document describes one`);
  return found.id;
};
const packName = async (server: Server, id: string): Promise<string> =>
  id.startsWith('builtin-') ? id : ((await server.nameOf('PolicyPack', id)) ?? id);

export const FleetDocument = z.strictObject({
  apiVersion: z.literal('molthub/v1'),
  kind: z.literal('Fleet'),
  metadata: z.strictObject({ name: EntityName }),
  spec: z.strictObject({
    environment: Environment,
    description: z.string().max(1_000).optional(),
    tags: Labels.optional(),
    release: Release.optional(),
    enforcedPolicyPacks: z.array(EnforcedPack).max(20).optional(),
  }),
});

export const fleetKind = namedKind({
  kind: 'Fleet',
  noun: 'fleet',
  path: '/fleets',
  document: FleetDocument,
  thing: Fleet,
  labelsAt: ['spec', 'tags'],
  references: ({ spec }) =>
    (spec.enforcedPolicyPacks ?? []).flatMap((name, at) =>
      isId(name) ? [] : [{ kind: 'PolicyPack', name, path: ['spec', 'enforcedPolicyPacks', at] }],
    ),
  specOf: async ({ environment, description, tags, release, enforcedPolicyPackIds: ids }, server) => ({
    environment,
    description,
    tags,
    ...(release === undefined ? {} : { release }),
    ...(ids === undefined ? {} : { enforcedPolicyPacks: await Promise.all(ids.map((id) => packName(server, id))) }),
  }),
  bodyOf: async ({ spec: { enforcedPolicyPacks: packs, ...spec } }, server) =>
    packs === undefined
      ? spec
      : { ...spec, enforcedPolicyPackIds: await Promise.all(packs.map((pack) => packId(server, pack))) },
  remarks: ({ spec }) =>
    spec.environment === 'prod' && spec.release?.mode === 'auto'
      ? [
          {
            severity: 'warning',
            path: ['spec', 'release', 'mode'],
            message: 'every new version reaches every bot of this prod fleet at once; leave it out, or write manual',
          },
        ]
      : [],
  fixed: ['environment'],
  refusal: ({ spec }, { environment }) =>
    spec.environment === environment
      ? undefined
      : `the fleet is in ${environment}; a fleet moves to ${spec.environment} by promotion, not by an edit`,
});
