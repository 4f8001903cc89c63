// policy judges every proposed manifest; a verdict is complete, ordered and the same for the same input.
import { z } from 'zod';
import { Environment, Manifest } from './manifest.ts';
import { defineCommand, defineEvent, defineReadModel, WorkspaceSlug } from './message.ts';

export const Severity = z.enum(['ERROR', 'WARNING', 'INFO']);
export type Severity = z.infer<typeof Severity>;

export const Violation = z.object({
  packId: z.string(),
  ruleId: z.string(),
  severity: Severity,
  path: z.string(),
  message: z.string(),
  currentValue: z.json(),
  suggestedValue: z.json(),
});
export type Violation = z.infer<typeof Violation>;

export const Verdict = z.object({
  valid: z.boolean(),
  violations: z.array(Violation),
  warnings: z.array(Violation),
  packs: z.array(z.object({ id: z.string(), version: z.string() })),
});
export type Verdict = z.infer<typeof Verdict>;

export const ManifestEvaluated = defineEvent(
  'policy.manifest.evaluated.v1',
  'Policy judged a proposed manifest after secure defaults.',
  Verdict.extend({ proposalId: z.uuid(), botId: z.uuid(), fleetId: z.uuid(), environment: Environment }),
);
export const JudgeProposal = defineCommand(
  'policy.proposal.judge.v1',
  "Judges a proposed manifest. Policy's own reaction; not for callers.",
  z.strictObject({
    proposalId: z.uuid(),
    botId: z.uuid(),
    fleetId: z.uuid(),
    environment: Environment,
    resolved: Manifest,
  }),
);
export const EvaluateManifest = defineCommand(
  'policy.manifest.evaluate.v1',
  'Judges any manifest and records nothing.',
  z.strictObject({ manifest: z.json(), environment: Environment.optional(), policyPackId: z.string().optional() }),
);

export const EvaluationsView = defineReadModel(
  'policy',
  'evaluations',
  "Every verdict on a proposed manifest, the newest of each proposal's bot last.",
  z.object({
    workspace: WorkspaceSlug,
    proposal_id: z.uuid(),
    bot_id: z.uuid(),
    fleet_id: z.uuid(),
    valid: z.boolean(),
    violations: z.array(Violation),
    warnings: z.array(Violation),
    evaluated_at: z.iso.datetime(),
  }),
);
