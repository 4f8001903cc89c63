import { Manifest, type Verdict } from '@molthub/contracts';
import { specification } from '@molthub/decider/testing';
import { describe, test } from 'vitest';
import { evaluations, type PolicyFact } from './decider.ts';
import type { PreparedJudge } from './prepare.ts';

const id = (n: number) => `00000000-0000-4000-8000-00000000000${n}`;
const resolved = Manifest.parse({
  apiVersion: 'molthub/v1',
  kind: 'MoltbotInstance',
  metadata: { name: 'anna' },
  spec: { runtime: { engine: 'openclaw', version: '2026.9.6' }, target: { kind: 'local' } },
});
const passed: Verdict = {
  valid: true,
  releasable: true,
  violations: [],
  warnings: [],
  packs: [{ id: 'builtin-security-baseline', version: '1.0.0' }],
};
const judge = (proposal: number, verdict = passed): PreparedJudge => ({
  id: id(9),
  type: 'policy.proposal.judge.v1',
  workspace: 'default',
  actor: { kind: 'service', id: 'policy', name: 'policy' },
  correlationId: 'c',
  causationId: null,
  time: '2026-11-21T10:00:00.000Z',
  records: true,
  data: { proposalId: id(proposal), botId: id(2), fleetId: id(3), environment: 'dev', resolved },
  verdict,
});
const evaluated = (proposal: number, verdict = passed): PolicyFact => ({
  type: 'policy.manifest.evaluated.v1',
  data: { ...verdict, proposalId: id(proposal), botId: id(2), fleetId: id(3), environment: 'dev' },
});
const { given } = specification(evaluations);

describe('evaluation', () => {
  test('a proposal gets its verdict', () => given().when(judge(1)).then(evaluated(1)));
  test('a denied proposal gets its verdict too', () => {
    const denied = { ...passed, valid: false };
    given().when(judge(1, denied)).then(evaluated(1, denied));
  });
  test('a proposal is judged once', () =>
    given(evaluated(1))
      .when(judge(1, { ...passed, valid: false }))
      .thenNothing());
  test('the next proposal is judged anew', () => given(evaluated(1)).when(judge(4)).then(evaluated(4)));
});
