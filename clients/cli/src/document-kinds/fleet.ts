import { EntityName, Environment, Labels, Release } from '@molthub/contracts';
import { z } from 'zod';
import { Fleet } from '../answers.ts';
import { namedKind } from '../named-kind.ts';

export const FleetDocument = z.strictObject({
  apiVersion: z.literal('molthub/v1'),
  kind: z.literal('Fleet'),
  metadata: z.strictObject({ name: EntityName }),
  spec: z.strictObject({
    environment: Environment,
    description: z.string().max(1_000).optional(),
    tags: Labels.optional(),
    release: Release.optional(),
  }),
});

export const fleetKind = namedKind({
  kind: 'Fleet',
  noun: 'fleet',
  path: '/fleets',
  document: FleetDocument,
  thing: Fleet,
  labelsAt: ['spec', 'tags'],
  specOf: ({ environment, description, tags, release }) => ({
    environment,
    description,
    tags,
    ...(release === undefined ? {} : { release }),
  }),
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
