// The kinds of document that `apply` takes, checked before anything is sent.
import { ChangePack, CreatePack, EntityName, Environment, Labels, Manifest, Release } from '@molthub/contracts';
import { z } from 'zod';
import { CliError } from './cli-error.ts';
import { printable } from './printable.ts';
import { unreachable } from './unreachable.ts';
import { type DesiredWaiver, WaiverDocument } from './waiver.ts';
import type { YamlDocument } from './yaml-documents.ts';

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
export type FleetDocument = z.infer<typeof FleetDocument>;

/** A pack's rules are what it is; everything else a document may leave to the server. */
export const PolicyPackDocument = z.strictObject({
  apiVersion: z.literal('molthub/v1'),
  kind: z.literal('PolicyPack'),
  metadata: z.strictObject({ name: CreatePack.data.shape.name }),
  spec: ChangePack.data
    .omit({ packId: true, expectedVersion: true, name: true })
    .extend({ rules: CreatePack.data.shape.rules }),
});
export type PolicyPackDocument = z.infer<typeof PolicyPackDocument>;

/** A manifest that says which fleet its bot lives in. */
const BotDocument = Manifest.extend({ metadata: Manifest.shape.metadata.extend({ fleet: EntityName }) });

export type Where = { readonly file: string; readonly number: number; readonly line: number };
export type DesiredFleet = { readonly kind: 'Fleet'; readonly where: Where; readonly fleet: FleetDocument };
export type DesiredBot = {
  readonly kind: 'MoltbotInstance';
  readonly where: Where;
  readonly fleetName: string;
  readonly manifest: Manifest;
};
export type DesiredPack = { readonly kind: 'PolicyPack'; readonly where: Where; readonly pack: PolicyPackDocument };
export type Desired = DesiredFleet | DesiredPack | DesiredWaiver | DesiredBot;

const kinds = ['Fleet', 'PolicyPack', 'Waiver', 'MoltbotInstance'] as const;

/** What a document asks for. Throws a CliError with every problem of it, each with its line. */
export const desiredOf = (document: YamlDocument): Desired => {
  const { file, number } = document;
  const where = { file, number, line: document.lineOf([]) };
  switch (kindOf(document.value)) {
    case 'Fleet':
      return { kind: 'Fleet', where, fleet: checked(FleetDocument, document) };
    case 'PolicyPack':
      return { kind: 'PolicyPack', where, pack: checked(PolicyPackDocument, document) };
    case 'Waiver':
      return { kind: 'Waiver', where, waiver: checked(WaiverDocument, document) };
    case 'MoltbotInstance': {
      const manifest = checked(BotDocument, document);
      return { kind: 'MoltbotInstance', where, fleetName: manifest.metadata.fleet, manifest };
    }
    case undefined:
      throw new CliError(`${at(where)}: no kind; it is one of ${kinds.join(', ')}`);
    default: {
      const line = document.lineOf(['kind']);
      const kind = printable(String(kindOf(document.value)));
      throw new CliError(`${at({ ...where, line })}: kind '${kind}' is not known; use one of ${kinds.join(', ')}`);
    }
  }
};

/** How a thing is called in plans and messages: `fleet/support`, `policy-pack/house-rules`, `bot/support/anna`. */
export const titleOf = (desired: Desired): string => {
  switch (desired.kind) {
    case 'Fleet':
      return `fleet/${desired.fleet.metadata.name}`;
    case 'PolicyPack':
      return `policy-pack/${desired.pack.metadata.name}`;
    case 'Waiver':
      return `waiver/${desired.waiver.metadata.name}`;
    case 'MoltbotInstance':
      return `bot/${desired.fleetName}/${desired.manifest.metadata.name}`;
    default:
      return unreachable(desired);
  }
};

/** Refuses a set that says two things about one fleet, pack or bot. */
export const refuseDoubles = (all: readonly Desired[]): void => {
  const seen = new Map<string, Desired>();
  for (const desired of all) {
    const earlier = seen.get(titleOf(desired));
    if (earlier !== undefined) {
      throw new CliError(`${at(desired.where)}: ${titleOf(desired)} is also described at ${at(earlier.where)}`);
    }
    seen.set(titleOf(desired), desired);
  }
};

const at = ({ file, number, line }: Where): string => `${file}: document ${number}, line ${line}`;

const kindOf = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && 'kind' in value ? value.kind : undefined;

/** The document as its schema reads it. Throws a CliError with every problem, each with its line. */
export const checked = <S extends z.ZodType>(schema: S, document: YamlDocument): z.infer<S> => {
  const parsed = schema.safeParse(document.value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => ({
    path: `line ${lineOfIssue(document, issue)}: ${issue.path.join('.')}`,
    code: issue.code,
    message: issue.message,
  }));
  const { file, number } = document;
  throw new CliError(`${file}: document ${number} is not valid`, { problems });
};

/** An unknown key is reported at the object that holds it; its line is the key's own. */
const lineOfIssue = (document: YamlDocument, issue: z.core.$ZodIssue): number =>
  document.lineOf(issue.code === 'unrecognized_keys' ? [...issue.path, ...issue.keys.slice(0, 1)] : issue.path);
