// `kind: Waiver` in files: things by their names, as people write them; ids as the server has them.
import { CreateWaiver, EntityName, Labels, type WaiverScope, WaiverStatus } from '@molthub/contracts';
import { z } from 'zod';
import { CliError } from './cli-error.ts';
import type { Client } from './client.ts';
import type { Where } from './desired.ts';
import { type Difference, differences } from './differences.ts';
import { find, findBot, Identified } from './find.ts';
import { kindOf } from './kinds.ts';
import type { Step } from './plan.ts';

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
export type DesiredWaiver = { readonly kind: 'Waiver'; readonly where: Where; readonly waiver: WaiverDocument };

const Waiver = z.looseObject({
  id: z.uuid(),
  status: WaiverStatus,
  packId: z.string(),
  ruleId: z.string(),
  scope: z.unknown(),
  owner: z.string(),
  reason: z.string(),
  expiresAt: z.string(),
});

type Fields = Omit<z.infer<typeof CreateWaiver.data>, 'waiverId' | 'name'>;

/** A waiver is not changed: another one takes its place. One that has ended at its time is what its document says. */
export const planWaiver = async (client: Client, desired: DesiredWaiver): Promise<Step<DesiredWaiver>> => {
  const query = { name: desired.waiver.metadata.name, sort: '-createdAt' };
  const [newest] = await client.all(Waiver, '/policy/waivers', query, 1);
  if (newest === undefined || newest.status === 'DELETED') return { action: 'create', desired };
  const changes = await changesOf(client, desired, newest);
  if (changes.length === 0) return { action: 'unchanged', desired, id: newest.id };
  return newest.status === 'ACTIVE'
    ? { action: 'change', desired, id: newest.id, changes }
    : { action: 'create', desired };
};

const changesOf = async (
  client: Client,
  desired: DesiredWaiver,
  { packId, ruleId, scope, owner, reason, expiresAt }: z.infer<typeof Waiver>,
): Promise<readonly Difference[]> => {
  try {
    return differences({ packId, ruleId, scope, owner, reason, expiresAt }, await fieldsOf(client, desired));
  } catch (error) {
    // What it names may only come with the other documents.
    if (error instanceof CliError) return [{ path: 'spec', from: undefined, to: 'for what is still to be made' }];
    throw error;
  }
};

export const applyWaiver = async (client: Client, step: Step<DesiredWaiver>): Promise<void> => {
  if (step.action !== 'create' && step.action !== 'change') return;
  const fields = await fieldsOf(client, step.desired);
  if (step.action === 'change') await client.delete(`/policy/waivers/${step.id}`);
  const body = { name: step.desired.waiver.metadata.name, ...fields };
  await client.post(Waiver, '/policy/waivers', body, (id) => `/policy/waivers/${id}`);
};

const fieldsOf = async (client: Client, { waiver }: DesiredWaiver): Promise<Fields> => {
  const { pack, rule, owner, reason, expiresAt } = waiver.spec;
  const { id } = await find(client, kindOf('policy-packs'), pack, Identified);
  const scope = await scopeOf(client, waiver.spec);
  return { packId: id, ruleId: rule, scope, owner, reason, expiresAt: new Date(expiresAt).toISOString() };
};

const scopeOf = async (client: Client, { bot, fleet, selector }: WaiverDocument['spec']): Promise<WaiverScope> => {
  if (bot !== undefined) return { botInstanceId: (await findBot(client, bot)).id };
  if (fleet !== undefined) return { fleetId: (await find(client, kindOf('fleets'), fleet, Identified)).id };
  return { selector: selector ?? {} };
};
