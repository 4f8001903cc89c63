// Templates, profiles and overlays: fleets are named in their documents, and are ids to the server.
import {
  CreateTemplate,
  EntityName,
  OverlayTarget,
  UpdateOverlay,
  UpdateProfile,
  UpdateTemplate,
} from '@molthub/contracts';
import { z } from 'zod';
import { Layer } from '../answers.ts';
import { CliError } from '../cli-error.ts';
import type { Server } from '../document-kind.ts';
import { namedKind } from '../named-kind.ts';

const document = <K extends string, S extends z.ZodType<Readonly<Record<string, unknown>>>>(kind: K, spec: S) =>
  z.strictObject({
    apiVersion: z.literal('molthub/v1'),
    kind: z.literal(kind),
    metadata: z.strictObject({ name: EntityName }),
    spec,
  });

/** What a document leaves out stays as the server has it; what makes a layer one is always there. */
const TemplateSpec = UpdateTemplate.data
  .omit({ templateId: true, expectedVersion: true })
  .extend({ manifest: CreateTemplate.data.shape.manifest });
const ProfileSpec = UpdateProfile.data
  .omit({ profileId: true, expectedVersion: true, name: true, fleetIds: true })
  .extend({ defaults: CreateTemplate.data.shape.manifest, fleets: z.array(EntityName).max(200).optional() });
const OverlaySpec = UpdateOverlay.data.omit({ overlayId: true, expectedVersion: true, name: true }).extend({
  patch: CreateTemplate.data.shape.manifest,
  target: z.union([z.strictObject({ fleet: EntityName }), OverlayTarget]),
});

export const ProfileDocument = document('Profile', ProfileSpec);
export const OverlayDocument = document('Overlay', OverlaySpec);

const ProfileThing = Layer.extend({ fleetIds: z.array(z.string()) });
const OverlayThing = Layer.extend({ target: OverlayTarget });

/** Those fields of an answer that a document can say. */
const said = (thing: object, { shape }: { readonly shape: object }) =>
  Object.fromEntries(Object.entries(thing).filter(([field, value]) => value !== null && Object.hasOwn(shape, field)));

const fleetId = async (server: Server, name: string): Promise<string> => {
  const fleet = await server.thing('Fleet', name);
  if (fleet === undefined) throw new CliError(`there is no fleet '${name}', and no document describes one`);
  return fleet.id;
};
const fleetName = async (server: Server, id: string): Promise<string> => (await server.nameOf('Fleet', id)) ?? id;

const changedAt = (path: string) => (layer: Layer, title: string) => ({
  title,
  path: `${path}/${layer.id}`,
  version: layer.version,
});

export const templateKind = namedKind({
  kind: 'Template',
  noun: 'template',
  path: '/templates',
  changed: changedAt('/templates'),
  document: document('Template', TemplateSpec),
  thing: Layer,
  specOf: (template) => said(template, TemplateSpec),
  refusal: (_, { isBuiltin }) =>
    isBuiltin ? 'a template of this name comes with Molthub; choose another name' : undefined,
  isForeign: ({ isBuiltin }) => isBuiltin,
});

export const profileKind = namedKind({
  kind: 'Profile',
  noun: 'profile',
  path: '/profiles',
  changed: changedAt('/profiles'),
  document: ProfileDocument,
  thing: ProfileThing,
  references: ({ spec }) =>
    (spec.fleets ?? []).map((name, at) => ({ kind: 'Fleet', name, path: ['spec', 'fleets', at] })),
  specOf: async (profile, server) => ({
    ...said(profile, ProfileSpec),
    fleets: await Promise.all(profile.fleetIds.map((id) => fleetName(server, id))),
  }),
  bodyOf: async ({ spec: { fleets, ...spec } }, server) =>
    fleets === undefined ? spec : { ...spec, fleetIds: await Promise.all(fleets.map((name) => fleetId(server, name))) },
});

export const overlayKind = namedKind({
  kind: 'Overlay',
  noun: 'overlay',
  path: '/overlays',
  changed: changedAt('/overlays'),
  document: OverlayDocument,
  thing: OverlayThing,
  references: ({ spec: { target } }) =>
    'fleet' in target ? [{ kind: 'Fleet', name: target.fleet, path: ['spec', 'target', 'fleet'] }] : [],
  specOf: async (overlay, server) => {
    const { target } = overlay;
    const named = 'fleetId' in target ? { fleet: await fleetName(server, target.fleetId) } : target;
    return { ...said(overlay, OverlaySpec), target: named };
  },
  bodyOf: async ({ spec }, server) => {
    const { target } = spec;
    return { ...spec, target: 'fleet' in target ? { fleetId: await fleetId(server, target.fleet) } : target };
  },
});
