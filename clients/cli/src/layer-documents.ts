// Templates, profiles and overlays as documents: fleets are named in them, and become ids on their way to the server.
import {
  CreateTemplate,
  EntityName,
  OverlayTarget,
  UpdateOverlay,
  UpdateProfile,
  UpdateTemplate,
} from '@molthub/contracts';
import { z } from 'zod';
import { CliError } from './cli-error.ts';

const document = <K extends string, S extends z.ZodType>(kind: K, spec: S) =>
  z.strictObject({
    apiVersion: z.literal('molthub/v1'),
    kind: z.literal(kind),
    metadata: z.strictObject({ name: EntityName }),
    spec,
  });

/** What a document leaves out stays as the server has it; what makes a layer one is always there. */
export const TemplateDocument = document(
  'Template',
  UpdateTemplate.data
    .omit({ templateId: true, expectedVersion: true })
    .extend({ manifest: CreateTemplate.data.shape.manifest }),
);
export const ProfileDocument = document(
  'Profile',
  UpdateProfile.data
    .omit({ profileId: true, expectedVersion: true, name: true, fleetIds: true })
    .extend({ defaults: CreateTemplate.data.shape.manifest, fleets: z.array(EntityName).max(200).optional() }),
);
const DocumentTarget = z.union([z.strictObject({ fleet: EntityName }), OverlayTarget]);
export const OverlayDocument = document(
  'Overlay',
  UpdateOverlay.data
    .omit({ overlayId: true, expectedVersion: true, name: true })
    .extend({ patch: CreateTemplate.data.shape.manifest, target: DocumentTarget }),
);
export const LayerDocument = z.union([TemplateDocument, ProfileDocument, OverlayDocument]);
export type LayerDocument = z.infer<typeof LayerDocument>;

/** Where the server keeps each kind. */
export const layerPaths = { Template: '/templates', Profile: '/profiles', Overlay: '/overlays' } as const;
export const layerKinds = ['Template', 'Profile', 'Overlay'] as const;

/** The fleets that a document names. */
export const fleetNamesOf = (layer: LayerDocument): readonly string[] => {
  if (layer.kind === 'Profile') return layer.spec.fleets ?? [];
  return layer.kind === 'Overlay' && 'fleet' in layer.spec.target ? [layer.spec.target.fleet] : [];
};

/** The fields as the server takes them. Throws a CliError for a fleet that `idOf` does not know. */
export const fieldsOf = (
  layer: LayerDocument,
  idOf: (fleetName: string) => string | undefined,
): Readonly<Record<string, unknown>> => {
  const known = (name: string): string => {
    const id = idOf(name);
    if (id === undefined) throw new CliError(`there is no fleet '${name}', and no document describes one`);
    return id;
  };
  switch (layer.kind) {
    case 'Template':
      return layer.spec;
    case 'Profile': {
      const { fleets, ...spec } = layer.spec;
      return fleets === undefined ? spec : { ...spec, fleetIds: fleets.map(known) };
    }
    case 'Overlay': {
      const { target } = layer.spec;
      return { ...layer.spec, target: 'fleet' in target ? { fleetId: known(target.fleet) } : target };
    }
    default:
      return layer satisfies never;
  }
};
