// The course of a change set: approved or not, wave by wave, judged by gates, paused and resumed, and what keeps bots off it.
import { z } from 'zod';
import { Hash } from './manifest.ts';
import { Actor, defineCommand, defineEvent, defineReadModel, WorkspaceSlug } from './message.ts';
import { Role } from './permission.ts';
import { GateKind, GateVerdict } from './strategy.ts';

const changeSetId = z.uuid();
const time = z.iso.datetime();
const reason = z.string().max(500).default('');
const told = { changeSetId, reason: z.string() };

/** Who or what stops a change set for a while. */
export const PauseCause = z.enum(['PERSON', 'GATE', 'BUDGET', 'DEADLINE', 'POLICY']);
export type PauseCause = z.infer<typeof PauseCause>;

export const ChangeSetApproved = defineEvent(
  'rollout.change-set.approved.v1',
  'Somebody approves exactly this plan; with the last approval that it needs it may start.',
  z.object({
    ...told,
    planHash: Hash,
    approver: Actor,
    role: Role,
    approvals: z.int().min(1),
    needed: z.int().min(1),
    at: time,
  }),
);
export const ChangeSetDeclined = defineEvent(
  'rollout.change-set.declined.v1',
  'Somebody declines a plan: it never starts.',
  z.object({ ...told, planHash: Hash, approver: Actor }),
);
export const ChangeSetExpired = defineEvent(
  'rollout.change-set.expired.v1',
  'A plan was not approved in time: it never starts.',
  z.object({ changeSetId, message: z.string() }),
);
export const ChangeSetPaused = defineEvent(
  'rollout.change-set.paused.v1',
  'No other bot is released until it is resumed; its gates go on judging.',
  /** How many bots have failed or were denied by then: whoever resumes it puts up with so many. */
  z.object({ ...told, cause: PauseCause, failedBots: z.int().min(0), deniedBots: z.int().min(0), at: time }),
);
export const ChangeSetResumed = defineEvent(
  'rollout.change-set.resumed.v1',
  'Bots are released again.',
  z.object({ ...told, at: time }),
);
export const WaveSettled = defineEvent(
  'rollout.wave.settled.v1',
  'Every bot of a wave runs what is new, or will not; from now on it bakes.',
  z.object({
    changeSetId,
    wave: z.int().min(0),
    updated: z.int().min(0),
    failed: z.int().min(0),
    skipped: z.int().min(0),
    at: time,
  }),
);
export const GateJudged = defineEvent(
  'rollout.gate.judged.v1',
  'What a gate says of a wave is another thing than before. `evidence` is what it saw.',
  z.object({
    changeSetId,
    wave: z.int().min(0),
    gate: GateKind,
    verdict: GateVerdict,
    message: z.string(),
    evidence: z.record(z.string(), z.json()),
    at: time,
  }),
);
export const WavePassed = defineEvent(
  'rollout.wave.passed.v1',
  'A wave is over: its gates passed it, or somebody did without them.',
  z.object({ changeSetId, wave: z.int().min(0), by: z.enum(['GATES', 'PROMOTION']), message: z.string(), at: time }),
);
export const ChangeSetPromoted = defineEvent(
  'rollout.change-set.promoted.v1',
  'Somebody lets the wave that bakes go on at once, as soon as all of its bots have settled.',
  z.object({ ...told, wave: z.int().min(0) }),
);
export const AnalysisSkipped = defineEvent(
  'rollout.analysis.skipped.v1',
  'Somebody takes the judgement of traces and webhooks out of what is left of a change set, and says why.',
  z.object(told),
);

/** A hold keeps what is automatic off a bot; a pin keeps everybody off. */
export const HoldKind = z.enum(['HOLD', 'PIN']);
export type HoldKind = z.infer<typeof HoldKind>;
export const HoldPlaced = defineEvent(
  'rollout.hold.placed.v1',
  'A bot stays at what it runs: for what is automatic (a hold), or for everybody (a pin).',
  z.object({ botId: z.uuid(), kind: HoldKind, changeSetId: z.uuid().nullable(), reason: z.string(), placedBy: Actor }),
);
export const HoldLifted = defineEvent(
  'rollout.hold.lifted.v1',
  'What is newest may be released to a bot again.',
  z.object({ botId: z.uuid(), kind: HoldKind, reason: z.string() }),
);

const onChangeSet = z.strictObject({ changeSetId, reason });
/** `role`: that of the key or login which asks; the gateway fills it in. */
const judging = z.strictObject({ changeSetId, planHash: Hash, role: Role, reason });
export const ApproveChangeSet = defineCommand(
  'rollout.change-set.approve.v1',
  'Approves a plan; refused where its hash is another one, and to its author.',
  judging,
);
export const DeclineChangeSet = defineCommand('rollout.change-set.decline.v1', 'Declines a plan for good.', judging);
export const PauseChangeSet = defineCommand(
  'rollout.change-set.pause.v1',
  'Releases no other bot until it is resumed; those on their way get there.',
  onChangeSet,
);
export const ResumeChangeSet = defineCommand(
  'rollout.change-set.resume.v1',
  'Goes on where it was paused.',
  onChangeSet,
);
export const PromoteChangeSet = defineCommand(
  'rollout.change-set.promote.v1',
  'Goes on with the next wave without waiting for bake time and verdicts; what fails still fails.',
  /** `wave` is the one that it means: where that is over nothing is promoted. The one that runs where none is given. */
  z.strictObject({ changeSetId, reason, wave: z.int().min(0).optional() }),
);
export const SkipAnalysis = defineCommand(
  'rollout.analysis.skip.v1',
  'Goes on without judging traces and without webhooks; health is still looked at. Needs a reason.',
  z.strictObject({ changeSetId, reason: z.string().min(1, 'say why').max(500) }),
);
export const CompleteChangeSet = defineCommand(
  'rollout.change-set.complete.v1',
  'Ends a change set early: bots that were not reached stay as they are.',
  onChangeSet,
);
export const FailChangeSet = defineCommand(
  'rollout.change-set.fail.v1',
  'Ends a change set as failed, and does what its strategy says of that.',
  onChangeSet,
);
export const JudgeChangeSet = defineCommand(
  'rollout.change-set.judge.v1',
  "Looks at the wave that runs, and takes it as far as its bots and gates let it. Rollout's own job; not for callers.",
  z.strictObject({
    changeSetId,
    /** What somebody else's judgement of a wave was; of another wave than the one that runs it says nothing. */
    webhook: z.strictObject({ wave: z.int().min(0), verdict: GateVerdict, message: z.string() }).optional(),
  }),
);
/** `records: false`. */
export const SimulateChangeSet = defineCommand(
  'rollout.change-set.simulate.v1',
  'Answers how long a change set takes at least, and what its traces gate would see with the traffic of late.',
  z.strictObject({ changeSetId }),
);
export const ExpireChangeSet = defineCommand(
  'rollout.change-set.expire.v1',
  "Ends a plan that was not approved in time. Rollout's own job; not for callers.",
  z.strictObject({ changeSetId }),
);
export const PlaceHold = defineCommand(
  'rollout.hold.place.v1',
  'Keeps a bot at what it runs.',
  z.strictObject({ botId: z.uuid(), kind: HoldKind, reason }),
);
export const LiftHold = defineCommand(
  'rollout.hold.lift.v1',
  'Lets what is newest be released to a bot again.',
  z.strictObject({ botId: z.uuid(), kind: HoldKind, reason }),
);

const scoped = { workspace: WorkspaceSlug };
export const HoldsView = defineReadModel(
  'rollout',
  'holds',
  'Bots that stay at what they run, and why.',
  z.object({
    ...scoped,
    bot_id: z.uuid(),
    bot_name: z.string(),
    fleet_id: z.uuid(),
    kind: HoldKind,
    change_set_id: z.uuid().nullable(),
    reason: z.string(),
    placed_by: Actor,
    placed_at: time,
  }),
);
export const GatesView = defineReadModel(
  'rollout',
  'gates',
  'What the gates of each wave say, the last of each.',
  z.object({
    ...scoped,
    change_set_id: changeSetId,
    wave: z.int(),
    gate: GateKind,
    verdict: GateVerdict,
    message: z.string(),
    evidence: z.record(z.string(), z.json()),
    judged_at: time,
  }),
);
export const ApprovalsView = defineReadModel(
  'rollout',
  'approvals',
  'Who approved which plan.',
  z.object({
    ...scoped,
    change_set_id: changeSetId,
    approver: Actor,
    role: Role,
    reason: z.string(),
    approved_at: time,
  }),
);
