import { type CommandOf, type JudgeProposal, Manifest } from '@molthub/contracts';
import { specification } from '@molthub/decider/testing';
import { describe, expect, test } from 'vitest';
import { evaluations, type PolicyFact } from './decider.ts';

const id = (n: number) => `00000000-0000-4000-8000-00000000000${n}`;
const resolved = (config: unknown) =>
  Manifest.parse({
    apiVersion: 'molthub/v1',
    kind: 'MoltbotInstance',
    metadata: { name: 'anna' },
    spec: { runtime: { engine: 'openclaw', version: '2026.9.6' }, target: { kind: 'local' }, config },
  });
const judge = (proposal: number, config: unknown): CommandOf<typeof JudgeProposal> => ({
  id: id(9),
  type: 'policy.proposal.judge.v1',
  workspace: 'default',
  actor: { kind: 'service', id: 'policy', name: 'policy' },
  correlationId: 'c',
  causationId: null,
  time: '2026-11-21T10:00:00.000Z',
  records: true,
  data: { proposalId: id(proposal), botId: id(2), fleetId: id(3), environment: 'dev', resolved: resolved(config) },
});
const evaluated = (proposal: number): PolicyFact => ({
  type: 'policy.manifest.evaluated.v1',
  data: {
    proposalId: id(proposal),
    botId: id(2),
    fleetId: id(3),
    environment: 'dev',
    valid: true,
    violations: [],
    warnings: [],
    packs: [{ id: 'builtin-security-baseline', version: '1.0.0' }],
  },
});
const { given } = specification(evaluations);

describe('evaluation', () => {
  test('a proposal gets its verdict', () => given().when(judge(1, {})).then(evaluated(1)));
  test('a denied proposal gets its verdict too, with the reasons', () => {
    const [fact] = evaluations.decide(judge(1, { gateway: { bind: 'lan' } }), evaluations.initial);
    expect(fact?.data).toMatchObject({ valid: false, violations: [{ ruleId: 'gateway-host-binding' }] });
  });
  test('a proposal is judged once', () => given(evaluated(1)).when(judge(1, {})).thenNothing());
  test('the next proposal is judged anew', () => given(evaluated(1)).when(judge(4, {})).then(evaluated(4)));
});
