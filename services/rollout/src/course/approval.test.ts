// Leave to start: of exactly one plan, by people who did not make it, for a while.
import type { ApprovalGate, Role } from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import { expect, test } from 'vitest';
import { type Approvable, approve, decline, expire, missingApprovals } from './approval.ts';

const changeSetId = '0193a000-0000-7000-8000-000000000001';
const planHash = `sha256:${'1'.repeat(64)}`;
const another = `sha256:${'2'.repeat(64)}`;
const startMs = Date.parse('2026-11-21T10:00:00.000Z');
const user = (id: string) => ({ kind: 'user', id, name: id }) as const;
const planOf = (gate: ApprovalGate | undefined, approvals: Approvable['approvals'] = []): Approvable => ({
  planHash,
  strategy: gate ? { kind: 'ALL', gates: { approval: gate } } : { kind: 'ALL' },
  author: user('anna'),
  approvals,
});
const envelope = (id: string, seconds: number) => ({
  id: '0193a000-0000-7000-8000-0000000000c1',
  workspace: 'default',
  actor: user(id),
  correlationId: 'c',
  causationId: null,
  time: new Date(startMs + seconds * 1_000).toISOString(),
  records: true as const,
});
type Said = { readonly hash?: string; readonly role?: Role; readonly seconds?: number };
const approvedBy = (id: string, plan: Approvable, { hash = planHash, role = 'OPERATOR', seconds = 0 }: Said = {}) =>
  approve(
    {
      ...envelope(id, seconds),
      type: 'rollout.change-set.approve.v1',
      data: { changeSetId, planHash: hash, role, reason: '' },
    },
    plan,
  );
const declinedBy = (id: string, plan: Approvable) =>
  decline(
    {
      ...envelope(id, 0),
      type: 'rollout.change-set.decline.v1',
      data: { changeSetId, planHash, role: 'OPERATOR', reason: 'no' },
    },
    plan,
  );
const codeOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof Rejected) return error.code;
    throw error;
  }
  return 'accepted';
};

const two: ApprovalGate = { count: 2, expiresSeconds: 3_600 };
const byBert = [{ approver: user('bert'), atMs: startMs }];

test('an approval is of exactly one plan', () => {
  expect(codeOf(() => approvedBy('bert', planOf(two), { hash: another }))).toBe('rollout.another-plan');
  expect(approvedBy('bert', planOf(two))[0]?.data).toMatchObject({ planHash, approvals: 1, needed: 2 });
});

test('whoever made a plan can neither approve nor decline it', () => {
  expect(codeOf(() => approvedBy('anna', planOf(two)))).toBe('rollout.own-plan');
  expect(codeOf(() => declinedBy('anna', planOf(two)))).toBe('rollout.own-plan');
});

test('a service with the name of the author is somebody else', () => {
  const plan = { ...planOf(two), author: { kind: 'service', id: 'bert', name: 'bert' } as const };
  expect(approvedBy('bert', plan)).toHaveLength(1);
});

test('nobody counts twice', () => {
  const plan = planOf(two, byBert);
  expect(approvedBy('bert', plan)).toEqual([]);
  expect(missingApprovals(plan, startMs)).toBe(1);
  expect(approvedBy('cleo', plan)[0]?.data).toMatchObject({ approvals: 2 });
});

test.each([
  ['OPERATOR', 'OPERATOR', 'accepted'],
  ['VIEWER', 'OPERATOR', 'rollout.role-too-low'],
  ['OPERATOR', 'ADMIN', 'rollout.role-too-low'],
  ['OWNER', 'ADMIN', 'accepted'],
] as const)('a %s may approve what asks for %s: %s', (role, least, code) => {
  expect(codeOf(() => approvedBy('bert', planOf({ count: 1, role: least }), { role }))).toBe(code);
});

test('an approval is worth nothing once it is too old, and may be given again', () => {
  const plan = planOf(two, byBert);
  expect(missingApprovals(plan, startMs + 3_599_999)).toBe(1);
  expect(missingApprovals(plan, startMs + 3_600_000)).toBe(2);
  expect(approvedBy('bert', plan, { seconds: 3_600 })[0]?.data).toMatchObject({ approvals: 1 });
});

test('what asks for no approval misses none, and takes none', () => {
  expect(missingApprovals(planOf(undefined), startMs)).toBe(0);
  expect(codeOf(() => approvedBy('bert', planOf(undefined)))).toBe('rollout.no-approval-needed');
});

test('one who declines ends it', () => {
  expect(declinedBy('bert', planOf(two))).toMatchObject([
    { type: 'rollout.change-set.declined.v1', data: { planHash, approver: user('bert') } },
  ]);
});

test('a plan expires when it misses approvals for too long, and no sooner', () => {
  const expired = (plan: Approvable, ms: number) => expire(changeSetId, plan, startMs, startMs + ms);
  expect(expired(planOf(two, byBert), 3_599_999)).toEqual([]);
  expect(expired(planOf(two, byBert), 3_600_000)).toHaveLength(1);
  const late = [user('bert'), user('cleo')].map((approver) => ({ approver, atMs: startMs + 3_000_000 }));
  expect(expired(planOf(two, late), 3_600_000)).toEqual([]);
  expect(expired(planOf(undefined), 3_600_000)).toEqual([]);
});
