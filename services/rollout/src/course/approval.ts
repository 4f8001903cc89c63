// Leave to start: approvals that are bound to exactly one plan, by people who are not its author.
import {
  type Actor,
  type ApprovalGate,
  type ApproveChangeSet,
  ChangeSetApproved,
  ChangeSetDeclined,
  ChangeSetExpired,
  type CommandOf,
  type DeclineChangeSet,
  type FactOf,
  type Role,
  roles,
  type Strategy,
} from '@molthub/contracts';
import { Rejected } from '@molthub/decider';

export type Approval = { readonly approver: Actor; readonly atMs: number };

/** What approvals are about. */
export type Approvable = {
  readonly planHash: string;
  readonly strategy: Strategy;
  readonly author: Actor;
  readonly approvals: readonly Approval[];
};

const expiresSecondsDefault = 259_200;
const isSame = (a: Actor, b: Actor): boolean => a.kind === b.kind && a.id === b.id;
const expiresMs = ({ expiresSeconds = expiresSecondsDefault }: ApprovalGate): number => expiresSeconds * 1_000;

const goodAt = (gate: ApprovalGate, approvals: readonly Approval[], nowMs: number): readonly Approval[] =>
  approvals.filter(({ atMs }) => nowMs - atMs < expiresMs(gate));

/** How many approvals are missing at this moment; 0 where none is needed. */
export const missingApprovals = ({ strategy, approvals }: Approvable, nowMs: number): number => {
  const gate = strategy.gates?.approval;
  return gate ? Math.max(0, gate.count - goodAt(gate, approvals, nowMs).length) : 0;
};

export const approve = (
  { data, actor, time }: CommandOf<typeof ApproveChangeSet>,
  plan: Approvable,
): readonly FactOf<typeof ChangeSetApproved>[] => {
  const gate = checked(data, actor, plan);
  const nowMs = Date.parse(time);
  const good = goodAt(gate, plan.approvals, nowMs);
  if (good.some(({ approver }) => isSame(approver, actor))) return [];
  const { changeSetId, planHash, role, reason } = data;
  const said = { changeSetId, planHash, approver: actor, role, reason, approvals: good.length + 1, needed: gate.count };
  return [{ type: ChangeSetApproved.type, data: { ...said, at: time } }];
};

export const decline = (
  { data, actor }: CommandOf<typeof DeclineChangeSet>,
  plan: Approvable,
): readonly FactOf<typeof ChangeSetDeclined>[] => {
  checked(data, actor, plan);
  const { changeSetId, planHash, reason } = data;
  return [{ type: ChangeSetDeclined.type, data: { changeSetId, planHash, approver: actor, reason } }];
};

/** A plan of so long ago that still misses approvals is over. */
export const expire = (
  changeSetId: string,
  plan: Approvable,
  plannedAtMs: number,
  nowMs: number,
): readonly FactOf<typeof ChangeSetExpired>[] => {
  const gate = plan.strategy.gates?.approval;
  if (!gate || missingApprovals(plan, nowMs) === 0 || nowMs - plannedAtMs < expiresMs(gate)) return [];
  const message = `It was not approved within ${gate.expiresSeconds ?? expiresSecondsDefault} s; plan it anew.`;
  return [{ type: ChangeSetExpired.type, data: { changeSetId, message } }];
};

const checked = (
  { planHash, role }: { readonly planHash: string; readonly role: Role },
  actor: Actor,
  plan: Approvable,
): ApprovalGate => {
  const gate = plan.strategy.gates?.approval;
  if (!gate) throw new Rejected('rollout.no-approval-needed', 'The strategy of this change set asks for no approval.');
  if (planHash !== plan.planHash) {
    throw new Rejected(
      'rollout.another-plan',
      'An approval is of exactly one plan: look at it, and send its planHash.',
      [{ path: 'planHash', code: 'another', message: `The plan is ${plan.planHash}.` }],
    );
  }
  const least = gate.role ?? 'OPERATOR';
  if (roles.indexOf(role) > roles.indexOf(least)) {
    throw new Rejected('rollout.role-too-low', `Approvers of this plan are at least ${least}; this key is ${role}.`);
  }
  if (isSame(actor, plan.author)) {
    throw new Rejected('rollout.own-plan', 'Whoever made a plan cannot judge it; ask somebody else.');
  }
  return gate;
};
