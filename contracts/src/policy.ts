// policy judges every proposed manifest by packs of rules; a verdict is complete, ordered and the same for the same input.
import { z } from 'zod';
import { Environment, Labels, Manifest, PackId, ResolvedManifest } from './manifest.ts';
import { defineCommand, defineEvent, defineReadModel, openList, WorkspaceSlug } from './message.ts';

export const Severity = z.enum(['ERROR', 'WARNING', 'INFO']);
export type Severity = z.infer<typeof Severity>;

/** What a finding does: refuse, be told to the caller, or only be kept. */
export const RuleAction = z.enum(['deny', 'warn', 'audit']);
export type RuleAction = z.infer<typeof RuleAction>;

/**
 * Where rules are judged: `draft` when somebody asks and nothing is recorded, `plan` when a manifest is proposed, `apply`
 * when its version is released to its bot, `background` when a pack, a waiver or a bot has changed since. There nothing can
 * be refused: `deny` is only told.
 */
export const EnforcementPoint = z.enum(['draft', 'plan', 'apply', 'background']).meta(openList);
export type EnforcementPoint = z.infer<typeof EnforcementPoint>;

/** The waiver for which a finding is only kept. */
export const WaivedBy = z.object({ waiverId: z.uuid(), owner: z.string(), expiresAt: z.iso.datetime() });

export const Violation = z.object({
  packId: z.string(),
  ruleId: z.string(),
  severity: Severity,
  path: z.string(),
  message: z.string(),
  currentValue: z.json(),
  suggestedValue: z.json(),
  /** What can be done about it without a person: write the suggested value, or remove what is there. */
  suggestion: z.enum(['write', 'remove']).optional(),
  /** Absent in verdicts of before there were actions: then ERROR denied and everything else warned. */
  action: RuleAction.optional(),
  /** The reason for which the bot's manifest overrides this rule, which then only is kept. */
  overrideReason: z.string().optional(),
  waivedBy: WaivedBy.optional(),
});
export type Violation = z.infer<typeof Violation>;

export const Verdict = z.object({
  valid: z.boolean(),
  violations: z.array(Violation),
  warnings: z.array(Violation),
  packs: z.array(z.object({ id: z.string(), version: z.string() })),
  /** Whether nothing of it is denied at `apply` either, so that the version may be released on this verdict. */
  releasable: z.boolean().optional(),
});
export type Verdict = z.infer<typeof Verdict>;

/** What became of one rule that was judged. Waived and overridden are only those that would have violated. */
export const RuleResult = z.object({
  packId: z.string(),
  ruleId: z.string(),
  result: z.enum(['passed', 'violated', 'waived', 'overridden']),
  waivedBy: WaivedBy.optional(),
});
export type RuleResult = z.infer<typeof RuleResult>;

/** A verdict with what became of each rule, for who asks; events keep what was found only. */
export const Evaluation = Verdict.extend({
  releasable: z.boolean(),
  results: z.array(RuleResult),
  /** All suggestions together, as a JSON merge patch (RFC 7386) of the manifest; null where there is none. */
  suggestedPatch: z.record(z.string(), z.json()).nullable(),
});
export type Evaluation = z.infer<typeof Evaluation>;

const Actions = {
  draft: RuleAction.optional(),
  plan: RuleAction.optional(),
  apply: RuleAction.optional(),
  background: RuleAction.optional(),
};
const rule = {
  id: z
    .string()
    .max(63)
    .regex(/^[A-Za-z](?:[-._]?[A-Za-z0-9])*$/, 'use letters, digits, and single - . _ between them'),
  /** Text here, since the types are policy's to know; one that it does not know is refused when the pack is saved. */
  type: z
    .string()
    .max(63)
    .regex(/^[a-z][a-z0-9_]*$/, 'the name of a rule type, such as required_field'),
  severity: Severity,
  description: z.string().max(500),
  /** Said instead of the rule type's own message. */
  message: z.string().min(1).max(500).optional(),
  /** The parameters of the rule type. */
  config: z.record(z.string(), z.json()),
  /** Whether a bot's manifest may override the rule, with a reason. */
  allowOverride: z.boolean(),
  enabled: z.boolean(),
  /** Empty means every environment. */
  targetEnvironments: z.array(Environment).max(3),
};
/** A rule as it is kept. */
export const PolicyRule = z.object({ ...rule, actions: z.object(Actions) });
export type PolicyRule = z.infer<typeof PolicyRule>;
/** A rule as it is sent. Without `actions`, ERROR denies, WARNING warns and INFO audits, at every point. */
export const PolicyRuleInput = z.strictObject({
  ...rule,
  severity: Severity.default('ERROR'),
  description: rule.description.default(''),
  config: rule.config.default({}),
  allowOverride: z.boolean().default(false),
  enabled: z.boolean().default(true),
  targetEnvironments: rule.targetEnvironments.default([]),
  actions: z
    .strictObject(Actions, { error: 'rules are judged at draft, plan, apply and background, by deny, warn or audit' })
    .default({}),
});

const pack = {
  name: z
    .string()
    .min(1)
    .max(100)
    .regex(/^[^\s\p{C}](?:[^\p{C}]*[^\s\p{C}])?$/u, 'no control characters, and no space at either end'),
  description: z.string().max(1_000),
  /** Packs are judged, and their findings listed, from the lowest to the highest. */
  priority: z.int().min(0).max(1_000),
  /** Empty means every environment. */
  targetEnvironments: z.array(Environment).max(3),
  /** Labels that a bot must have, all of them; empty means every bot. */
  targetTags: Labels,
  /** No bot can skip it. */
  isEnforced: z.boolean(),
  /** Judges every bot it targets; otherwise only those whose manifest includes it. */
  autoApply: z.boolean(),
  isActive: z.boolean(),
};
export const rulesMax = 100;
const rules = z.array(PolicyRule).min(1).max(rulesMax);
const rulesInput = z.array(PolicyRuleInput).min(1).max(rulesMax);

export const PackCreated = defineEvent(
  'policy.pack.created.v1',
  'A workspace has a policy pack of its own; from now on it judges the bots that it targets.',
  z.object({ packId: z.uuid(), ...pack, targetTags: z.record(z.string(), z.string()), rules }),
);
export const PackChanged = defineEvent(
  'policy.pack.changed.v1',
  'Fields of a policy pack changed; absent fields did not.',
  z.object({
    packId: z.uuid(),
    ...z.object({ ...pack, targetTags: z.record(z.string(), z.string()), rules }).partial().shape,
  }),
);
export const PackDeleted = defineEvent(
  'policy.pack.deleted.v1',
  'A policy pack is gone and judges nobody any more.',
  z.object({ packId: z.uuid() }),
);
const version = z.int().min(1);
/** A pack as it is sent. */
export const PackInput = z.strictObject({
  ...pack,
  description: pack.description.default(''),
  priority: pack.priority.default(100),
  targetEnvironments: pack.targetEnvironments.default([]),
  targetTags: pack.targetTags.default({}),
  isEnforced: z.boolean().default(false),
  autoApply: z.boolean().default(true),
  isActive: z.boolean().default(true),
  rules: rulesInput,
});
export type PackInput = z.infer<typeof PackInput>;
export const CreatePack = defineCommand(
  'policy.pack.create.v1',
  'Creates a policy pack of the workspace.',
  PackInput.extend({ packId: z.uuid() }),
);
export const ChangePack = defineCommand(
  'policy.pack.change.v1',
  'Changes fields of a policy pack; `rules` are given whole.',
  z.strictObject({
    packId: PackId,
    ...z.object({ ...pack, rules: rulesInput }).partial().shape,
    expectedVersion: version.optional(),
  }),
);
export const DeletePack = defineCommand(
  'policy.pack.delete.v1',
  'Deletes a policy pack of the workspace.',
  z.strictObject({ packId: PackId, expectedVersion: version.optional() }),
);

export const ManifestEvaluated = defineEvent(
  'policy.manifest.evaluated.v1',
  'Policy judged a proposed manifest after secure defaults.',
  Verdict.extend({
    proposalId: z.uuid(),
    botId: z.uuid(),
    fleetId: z.uuid(),
    environment: Environment,
    /** Which time it was asked for, where that was not the first. */
    asked: z.int().min(2).optional(),
  }),
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
    /** The content was published before, and the bot goes back to it. */
    isRollback: z.boolean().optional(),
    /** The packs that the bot's fleet enforces. */
    enforcedPolicyPackIds: z.array(z.string()).optional(),
    /** Which time it is asked for, where that is not the first: a verdict that did not arrive is given again. */
    asked: z.int().min(2).optional(),
  }),
);
const Swept = { botId: z.uuid(), fleetId: z.uuid(), environment: Environment, version };
const Resolved = z.object({ key: z.string(), packId: z.string(), ruleId: z.string(), path: z.string() });
export const ViolationsOpened = defineEvent(
  'policy.violation.opened.v1',
  "A sweep found what was not listed of a bot's published version: since then a pack, a waiver or the bot changed.",
  z.object({ ...Swept, violations: z.array(Violation).min(1) }),
);
export const ViolationsResolved = defineEvent(
  'policy.violation.resolved.v1',
  "A sweep did not find again what was listed of a bot's published version.",
  z.object({ ...Swept, violations: z.array(Resolved).min(1) }),
);
export const RecordFindings = defineCommand(
  'policy.violation.record.v1',
  "Records what a sweep found. Policy's own job; not for callers.",
  z.strictObject({ ...Swept, opened: z.array(Violation), resolved: z.array(Resolved) }),
);
export const EvaluateManifest = defineCommand(
  'policy.manifest.evaluate.v1',
  'Judges any manifest, by every pack that applies, by the one named, or by one that is only sent; records nothing.',
  z.strictObject({
    manifest: z.json(),
    environment: Environment.optional(),
    policyPackId: PackId.optional(),
    policyPack: PackInput.optional(),
  }),
);
export const DryRunPack = defineCommand(
  'policy.pack.dry-run.v1',
  'Judges what every bot of the workspace is to run now by one pack, switched on or not, and records nothing.',
  z.strictObject({ packId: PackId }),
);
export const SuggestFix = defineCommand(
  'policy.pack.suggest-fix.v1',
  'Answers what one pack suggests for a bot as a merge patch of its manifest; records nothing.',
  z.strictObject({
    packId: PackId,
    botId: z.uuid(),
    fleetId: z.uuid(),
    environment: Environment,
    manifest: Manifest,
    resolved: Manifest,
  }),
);
export const SuggestedFix = z.object({
  patch: z.record(z.string(), z.json()),
  manifest: Manifest,
  fixed: z.array(Violation),
});
export type SuggestedFix = z.infer<typeof SuggestedFix>;
export const FindByPack = defineCommand(
  'policy.pack.find.v1',
  'Answers what one pack finds in what a bot is to run, or would; records nothing.',
  z.strictObject({
    packId: PackId,
    botId: z.uuid(),
    fleetId: z.uuid(),
    environment: Environment,
    resolved: ResolvedManifest,
  }),
);
/** What a fix changes, and what the pack finds in what the bot then runs, by all of its layers. */
export const Fixed = SuggestedFix.omit({ manifest: true }).extend({ remaining: z.array(Violation) });
export type Fixed = z.infer<typeof Fixed>;

/** Who would break, before a pack is switched on. Bots come worst first; `isComplete` says whether all are listed. */
export const DryRun = z.object({
  packId: PackId,
  packVersion: z.string(),
  counts: z.object({ bots: z.int(), targeted: z.int(), denied: z.int(), warned: z.int() }),
  items: z.array(
    z.object({
      botInstanceId: z.uuid(),
      name: z.string(),
      fleetId: z.uuid(),
      environment: Environment,
      manifestVersion: z.int(),
      counts: z.object({ violations: z.int(), warnings: z.int() }),
      /** The first of them. */
      violations: z.array(Violation),
      warnings: z.array(Violation),
    }),
  ),
  isComplete: z.boolean(),
});
export type DryRun = z.infer<typeof DryRun>;

export const FindConflicts = defineCommand(
  'policy.pack.find-conflicts.v1',
  'Answers which rules of different packs cannot both hold, or treat the same thing differently. Records nothing.',
  z.strictObject({}),
);
/** Two rules of different packs. A contradiction is about what no bot can have, an action about what a finding does. */
export const Conflict = z.object({
  kind: z.enum(['contradiction', 'action']),
  path: z.string(),
  message: z.string(),
  rules: z.array(
    z.object({
      packId: z.string(),
      packName: z.string(),
      ruleId: z.string(),
      type: z.string(),
      actions: z.record(z.string(), RuleAction),
    }),
  ),
});
export type Conflict = z.infer<typeof Conflict>;
export const Conflicts = z.object({ items: z.array(Conflict), isComplete: z.boolean() });

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

const scoped = { workspace: WorkspaceSlug };
const time = z.iso.datetime();
export const PacksView = defineReadModel(
  'policy',
  'packs',
  'Every policy pack; those that come with Molthub have no workspace, and are everybody’s.',
  z.object({
    workspace: WorkspaceSlug.nullable(),
    id: PackId,
    name: z.string(),
    description: z.string(),
    priority: z.int(),
    target_environments: z.array(Environment),
    target_tags: z.record(z.string(), z.string()),
    is_enforced: z.boolean(),
    auto_apply: z.boolean(),
    is_active: z.boolean(),
    is_builtin: z.boolean(),
    rules: z.array(PolicyRule),
    /** What verdicts call it. */
    version: z.string(),
    /** The version of its stream; 0 where it has none. */
    stream_version: z.int(),
    created_at: time.nullable(),
    updated_at: time.nullable(),
  }),
);
export const ViolationsView = defineReadModel(
  'policy',
  'violations',
  "What each bot's version violates: what its verdict found, kept current by sweeps; one row each.",
  z.object({
    ...scoped,
    /** The bot and the place in its list. */
    id: z.string(),
    bot_id: z.uuid(),
    fleet_id: z.uuid(),
    pack_id: z.string(),
    rule_id: z.string(),
    severity: Severity,
    action: RuleAction,
    path: z.string(),
    message: z.string(),
    current_value: z.json(),
    suggested_value: z.json(),
    override_reason: z.string().nullable(),
    waived_by: WaivedBy.nullable(),
    evaluated_at: time,
  }),
);
