// How a change set moves its bots: in which waves, how fast, and what has to hold before the next wave starts.
import { z } from 'zod';
import { openList } from './message.ts';

const Percent = z.int().min(1).max(100);
const Seconds = z
  .int()
  .min(0)
  .max(7 * 86_400);
const wavesMax = 500;

/** Bots by number, or by percent of those of the plan. */
export const Share = z.union([z.strictObject({ count: z.int().min(1) }), z.strictObject({ percent: Percent })]);
export type Share = z.infer<typeof Share>;

/** What is done with a verdict that is neither PASS nor FAIL once it was waited for long enough. */
export const VerdictPolicy = z.enum(['PAUSE', 'FAIL', 'PASS']);
export type VerdictPolicy = z.infer<typeof VerdictPolicy>;
const verdictPolicies = {
  onInconclusive: VerdictPolicy.optional(),
  onNoData: VerdictPolicy.optional(),
  onError: VerdictPolicy.optional(),
};

export const GateKind = z.enum(['HEALTH', 'TRACES', 'WEBHOOK', 'WINDOW', 'APPROVAL']);
export type GateKind = z.infer<typeof GateKind>;
export const GateVerdict = z.enum(['PASS', 'FAIL', 'INCONCLUSIVE', 'NO_DATA', 'ERROR']);
export type GateVerdict = z.infer<typeof GateVerdict>;

/** The bots that have moved are asked how they are, from when they run what is new until the next wave starts. */
export const HealthGate = z.strictObject({
  /** Of the bots that have moved, how many must say how they are; all by default. */
  minBots: Share.optional(),
  /** So many may be unhealthy at once without failing it; 0 by default. */
  unhealthyMax: z.int().min(0).optional(),
  /** How long is waited for bots that do not say how they are, and for degraded ones; 300 by default. */
  waitSeconds: Seconds.optional(),
  ...verdictPolicies,
});
export type HealthGate = z.infer<typeof HealthGate>;

/** The traces of bots on the new configuration against those of bots that still have the one before, in the same time. */
export const TracesGate = z.strictObject({
  /** After a bot runs what is new, before its traces count; 0 by default. */
  warmUpSeconds: Seconds.optional(),
  /** No verdict before so much time, so many requests on each side, and so many bots of each; 300, 50 and 1 by default. */
  minSeconds: Seconds.optional(),
  minRequests: z.int().min(1).optional(),
  minBots: z.int().min(1).optional(),
  /** How long is waited for a verdict; 3,600 by default. */
  maxSeconds: Seconds.optional(),
  /** How often at most it is looked at until then: each look spends its share of `alpha`; 10 by default. */
  looks: z.int().min(1).max(100).optional(),
  /** How likely a change that is none may be called worse, over all looks and measures together; 0.05 by default. */
  alpha: z.number().min(0.0001).max(0.5).optional(),
  /** By how much the share of failed requests may be higher, such as 0.02; 0.02 by default. */
  errorRateIncreaseMax: z.number().min(0).max(1).optional(),
  /** By how much latency, tokens and cost of a request may be higher, such as 0.25 for a quarter; 0.25 by default. */
  latencyIncreaseMax: z.number().min(0).max(100).optional(),
  tokensIncreaseMax: z.number().min(0).max(100).optional(),
  costIncreaseMax: z.number().min(0).max(100).optional(),
  /** Above this share of failed requests it fails at once, whatever the others do; none by default. */
  errorRateMax: z.number().min(0).max(1).optional(),
  ...verdictPolicies,
});
export type TracesGate = z.infer<typeof TracesGate>;

/** Somebody else's judgement, asked for with POST: 2xx with `{ "verdict": "PASS" | "FAIL" | … , "message"? }`. */
export const WebhookGate = z.strictObject({
  url: z
    .url({ protocol: /^https?$/ })
    .max(2_000)
    .refine((url) => !/^https?:\/\/[^/?#]*@/i.test(url), 'leave out user and password: everybody sees a strategy'),
  /** How long one answer may take; 10 by default. */
  timeoutSeconds: z.int().min(1).max(30).optional(),
  /** How long is asked again while it does not decide or does not answer; 300 by default. */
  waitSeconds: Seconds.optional(),
  ...verdictPolicies,
});
export type WebhookGate = z.infer<typeof WebhookGate>;

/** From each time that the cron expression names, for so many minutes. */
const TimeWindow = z.strictObject({ cron: z.string().min(9).max(100), minutes: z.int().min(1).max(10_080) });
/** When waves may start. What is denied is never allowed; with no `allow` all that is not denied is. */
export const WindowGate = z.strictObject({
  /** IANA name, such as Europe/Berlin. */
  timezone: z.string().min(1).max(64),
  allow: z.array(TimeWindow).max(20).optional(),
  deny: z.array(TimeWindow).max(20).optional(),
});
export type WindowGate = z.infer<typeof WindowGate>;

/** Before the first wave. Each approver stands for one approval, is not the author, and approves exactly this plan. */
export const ApprovalGate = z.strictObject({
  count: z.int().min(1).max(10),
  /** The least that an approver must be; OPERATOR by default. */
  role: z.enum(['OWNER', 'ADMIN', 'OPERATOR']).optional(),
  /** After which an approval, or a plan that has too few, is worth nothing any more; 259,200 (three days) by default. */
  expiresSeconds: z
    .int()
    .min(60)
    .max(90 * 86_400)
    .optional(),
});
export type ApprovalGate = z.infer<typeof ApprovalGate>;

export const Gates = z.strictObject({
  health: HealthGate.optional(),
  traces: TracesGate.optional(),
  webhook: WebhookGate.optional(),
  window: WindowGate.optional(),
  approval: ApprovalGate.optional(),
});
export type Gates = z.infer<typeof Gates>;

/** What a change set does that fails: each moved bot goes back, or no other moves, or it waits for somebody. */
export const FailurePolicy = z.enum(['ROLL_BACK', 'STOP', 'PAUSE']);
export type FailurePolicy = z.infer<typeof FailurePolicy>;

const pace = {
  /** Between the last bot of a wave and the next wave, counted while its bots are well and nobody pauses it. */
  bakeSeconds: Seconds.optional(),
  /** The same after the last wave, before the change set has succeeded. */
  finalBakeSeconds: Seconds.optional(),
  /** So many bots are on their way at once. */
  maxParallel: z.int().min(1).max(10_000).optional(),
  /** So many bots of the plan are on their way or unhealthy at once. */
  maxUnavailable: Share.optional(),
  /** A wave of which no bot settles for so long has failed. */
  progressDeadlineSeconds: z
    .int()
    .min(1)
    .max(7 * 86_400)
    .optional(),
  /** So many distinct bots may fail before the change set does. */
  failureBudget: z
    .union([z.strictObject({ count: z.int().min(0) }), z.strictObject({ percent: z.int().min(0).max(100) })])
    .optional(),
  onFailure: FailurePolicy.optional(),
  gates: Gates.optional(),
};

/** Percents of all bots that have moved after each wave: rising, and 100 at last. */
const Steps = z
  .array(Percent)
  .min(1)
  .max(wavesMax)
  .refine(
    (steps) => steps.every((step, at) => at === 0 || step > (steps[at - 1] ?? 0)),
    'each step must be larger than the one before',
  )
  .refine((steps) => steps.at(-1) === 100, 'the last step must be 100');

const cohort = {
  /** Each wave takes its bots evenly from every value of this label, as far as numbers allow. */
  stratifyBy: z.string().min(1).max(63).optional(),
};

export const Strategy = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('ALL'), ...pace }),
    z
      .strictObject({
        kind: z.literal('PERCENTAGE'),
        /** Either these, or exponential ones. */
        steps: Steps.optional(),
        growth: z.strictObject({ firstPercent: Percent, factor: z.int().min(2).max(100) }).optional(),
        ...cohort,
        ...pace,
      })
      .refine(({ steps, growth }) => (steps === undefined) !== (growth === undefined), 'give either steps or growth'),
    z.strictObject({
      kind: z.literal('CANARY'),
      canary: z.union([
        z.strictObject({ count: z.int().min(1).max(10_000) }),
        z.strictObject({ percent: Percent }),
        z.strictObject({ botInstanceIds: z.array(z.uuid()).min(1).max(1_000) }),
        z.strictObject({
          labels: z
            .record(z.string(), z.string())
            .refine((all) => Object.keys(all).length > 0, 'name at least one label'),
        }),
      ]),
      steps: Steps.optional(),
      ...cohort,
      ...pace,
    }),
    z.strictObject({
      kind: z.literal('RINGS'),
      /** The label whose values are the rings. */
      label: z.string().min(1).max(63),
      /** From the first ring to the last; `*` is for bots of any other value and of none. */
      rings: z.array(z.string().min(1).max(63)).min(1).max(wavesMax),
      ...pace,
    }),
  ])
  .meta(openList);
export type Strategy = z.infer<typeof Strategy>;
