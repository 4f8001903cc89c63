import { ChangePack, CreatePack } from '@molthub/contracts';
import { z } from 'zod';
import { PolicyPack } from '../answers.ts';
import { namedKind } from '../named-kind.ts';

/** A pack's rules are what it is; everything else a document may leave to the server. */
const Spec = ChangePack.data
  .omit({ packId: true, expectedVersion: true, name: true })
  .extend({ rules: CreatePack.data.shape.rules });

export const PolicyPackDocument = z.strictObject({
  apiVersion: z.literal('molthub/v1'),
  kind: z.literal('PolicyPack'),
  metadata: z.strictObject({ name: CreatePack.data.shape.name }),
  spec: Spec,
});

export const policyPackKind = namedKind({
  kind: 'PolicyPack',
  noun: 'policy-pack',
  path: '/policy-packs',
  document: PolicyPackDocument,
  thing: PolicyPack,
  specOf: (pack) => Object.fromEntries(Object.entries(pack).filter(([field]) => Object.hasOwn(Spec.shape, field))),
  refusal: (_, { isBuiltin }) =>
    isBuiltin ? 'a pack of this name comes with Molthub; choose another name' : undefined,
  isForeign: ({ isBuiltin }) => isBuiltin,
});
