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
const again = (proposal: number, asked: number, verdict = passed): PreparedJudge => {
  const { data, ...same } = judge(proposal, verdict);
  return { ...same, data: { ...data, asked } };
};
const evaluated = (proposal: number, verdict = passed, more: { asked?: number } = {}): PolicyFact => ({
  type: 'policy.manifest.evaluated.v1',
  data: { ...verdict, proposalId: id(proposal), botId: id(2), fleetId: id(3), environment: 'dev', ...more },
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
  test('a verdict that did not arrive is given again, once for each time that it is asked for', () => {
    const denied = { ...passed, valid: false };
    const second = evaluated(1, denied, { asked: 2 });
    given(evaluated(1))
      .when(again(1, 2, denied))
      .then(second);
    given(evaluated(1), second).when(again(1, 2)).thenNothing();
    given(evaluated(1), second)
      .when(again(1, 3))
      .then(evaluated(1, passed, { asked: 3 }));
    given()
      .when(again(1, 2))
      .then(evaluated(1, passed, { asked: 2 }));
    // The first question may come after the second, where it was parked.
    given(second).when(judge(1)).thenNothing();
  });
  test('the next proposal is judged anew', () => given(evaluated(1)).when(judge(4)).then(evaluated(4)));
});
