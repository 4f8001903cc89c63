// What the doctor makes of what was seen of a bot: each check with its evidence, and what would help. Pure.
import { type FindingKind, type FindingSeverity, FindingRepair, findingRepairs } from '@molthub/contracts';
import { unreachable } from '@molthub/decider';
import { z } from 'zod';
import type { Seen } from './seen.ts';

export const CheckStatus = z.enum(['PASS', 'WARN', 'FAIL', 'SKIP']);
export type CheckStatus = z.infer<typeof CheckStatus>;
export const Check = z.object({
  check: z.string(),
  status: CheckStatus,
  message: z.string(),
  evidence: z.record(z.string(), z.json()),
  repair: FindingRepair.optional(),
});
export type Check = z.infer<typeof Check>;

/** As bad as the worst check; what was skipped says nothing. */
export const overallOf = (checks: readonly Check[]): 'PASS' | 'WARN' | 'FAIL' => {
  const statuses = new Set(checks.map(({ status }) => status));
  return statuses.has('FAIL') ? 'FAIL' : statuses.has('WARN') ? 'WARN' : 'PASS';
};

type Said = Omit<Check, 'check'>;
const reconcile: FindingRepair = {
  action: 'reconcile',
  why: 'The reconciler looks at the bot now and makes it right.',
};
const restart: FindingRepair = { action: 'restart', why: 'A new process on the same state and configuration.' };

const manifest = ({ manifest: checked, bot }: Seen): Said => {
  const evidence = { manifestVersion: bot.manifestVersion };
  if (checked.is === 'unknown') return { status: 'SKIP', message: checked.why, evidence };
  return checked.errors.length === 0
    ? { status: 'PASS', message: 'The manifest is valid for the version that the bot is to run.', evidence }
    : {
        status: 'FAIL',
        message: `${checked.errors.length} fields are wrong; propose a corrected manifest.`,
        evidence: { ...evidence, errors: [...checked.errors] },
      };
};

const released = ({ bot, reconciler }: Seen): Said => {
  const evidence = { desiredHash: bot.desiredHash, releasedHash: reconciler?.desiredHash ?? null };
  if (!reconciler)
    return { status: 'WARN', message: 'No version was released to it yet; see its change set.', evidence };
  return reconciler.desiredHash === bot.desiredHash
    ? { status: 'PASS', message: 'Its newest configuration is released.', evidence }
    : { status: 'WARN', message: 'Its newest configuration waits for a change set.', evidence };
};

const applied = ({ reconciler }: Seen): Said => {
  const evidence = { releasedHash: reconciler?.desiredHash ?? null, observedHash: reconciler?.observedHash ?? null };
  if (!reconciler || reconciler.observedHash === null)
    return { status: 'SKIP', message: 'No configuration was observed of it yet.', evidence };
  return reconciler.observedHash === reconciler.desiredHash
    ? { status: 'PASS', message: 'It runs the configuration that was released.', evidence }
    : { status: 'FAIL', message: 'It runs another configuration than was released.', evidence, repair: reconcile };
};

const drift = ({ reconciler }: Seen): Said => {
  const evidence = { driftStatus: reconciler?.driftStatus ?? 'UNKNOWN', items: [...(reconciler?.drift ?? [])] };
  const driftStatus = reconciler?.driftStatus;
  switch (driftStatus) {
    case 'IN_SYNC':
      return { status: 'PASS', message: 'Nothing differs from what was released.', evidence };
    case 'DRIFTED':
      return { status: 'FAIL', message: `${evidence.items.length} things differ.`, evidence, repair: reconcile };
    case 'PROGRESSING':
      return { status: 'WARN', message: 'It is being changed at this moment.', evidence };
    case 'UNKNOWN':
    case undefined:
      return { status: 'SKIP', message: 'Nobody has compared it yet.', evidence };
    default:
      return unreachable(driftStatus);
  }
};

const life = ({ bot, reconciler }: Seen): Said => {
  const evidence = { status: bot.status, lastError: reconciler?.lastError ?? null };
  switch (bot.status) {
    case 'RUNNING':
      return { status: 'PASS', message: 'The reconciler keeps it running.', evidence };
    case 'ERROR':
      return { status: 'FAIL', message: 'The reconciler could not bring it about.', evidence, repair: reconcile };
    case 'STOPPED':
    case 'PAUSED':
      return { status: 'SKIP', message: `It is ${bot.status.toLowerCase()}, as was asked for.`, evidence };
    case 'CREATING':
    case 'PENDING':
    case 'RECONCILING':
    case 'DEGRADED':
    case 'DELETING':
      return { status: 'WARN', message: `It is ${bot.status.toLowerCase()}.`, evidence };
    default:
      return unreachable(bot.status);
  }
};

const reachable = ({ probe }: Seen): Said => {
  if (probe.is === 'unknown') return { status: 'SKIP', message: probe.why, evidence: {} };
  const { status, latencyMs, probedAt, detail } = probe;
  const evidence = { latencyMs, probedAt, detail };
  if (status === 'UNKNOWN') return { status: 'SKIP', message: detail, evidence };
  return status === 'UNHEALTHY'
    ? { status: 'FAIL', message: detail, evidence, repair: restart }
    : { status: 'PASS', message: 'It answered just now.', evidence };
};

const ownHealth = ({ probe }: Seen): Said => {
  if (probe.is === 'unknown' || probe.status === 'UNKNOWN' || probe.status === 'UNHEALTHY')
    return { status: 'SKIP', message: 'It did not say how it is.', evidence: {} };
  const evidence = { detail: probe.detail, simulated: probe.simulated };
  return {
    status: probe.status === 'HEALTHY' ? 'PASS' : 'WARN',
    message: `Of itself it says: ${probe.detail}.`,
    evidence,
  };
};

const engineVersion = ({ probe, bot }: Seen): Said => {
  const running = probe.is === 'known' ? probe.version : null;
  const evidence = { wanted: bot.engineVersion, running };
  if (running === null || bot.engineVersion === null)
    return { status: 'SKIP', message: 'It does not say which version it is.', evidence };
  return running === bot.engineVersion
    ? { status: 'PASS', message: `It is version ${running}.`, evidence }
    : { status: 'FAIL', message: `It is version ${running}, not ${bot.engineVersion}.`, evidence, repair: reconcile };
};

const health = ({ health: told }: Seen): Said => {
  const evidence = {
    status: told?.status ?? 'UNKNOWN',
    changedAt: told?.changedAt ?? null,
    detail: told?.detail ?? null,
  };
  const status = told?.status;
  switch (status) {
    case 'HEALTHY':
      return { status: 'PASS', message: 'Its probes find it healthy.', evidence };
    case 'DEGRADED':
      return { status: 'WARN', message: 'Its probes find it degraded.', evidence };
    case 'UNHEALTHY':
      return { status: 'FAIL', message: 'Its probes find it unhealthy.', evidence, repair: findingRepairs.UNHEALTHY };
    case 'UNKNOWN':
    case undefined:
      return { status: 'SKIP', message: 'Its probes have nothing to say of it.', evidence };
    default:
      return unreachable(status);
  }
};

const findings = ({ findings: open }: Seen): Said => {
  const evidence = { open: open.map(({ id, kind, severity, title }) => ({ id, kind, severity, title })) };
  const [worst] = open.toSorted((a, b) => rank(b.severity) - rank(a.severity));
  if (!worst) return { status: 'PASS', message: 'No finding is open.', evidence };
  const status = worst.severity === 'CRITICAL' ? 'FAIL' : 'WARN';
  const kind: FindingKind = worst.kind;
  return { status, message: `${kind}: ${worst.title}`, evidence, repair: findingRepairs[kind] };
};
const rank = (severity: FindingSeverity): number => (severity === 'CRITICAL' ? 1 : 0);

/** A bot that serves nobody for a day is rare enough to be told of. */
export const quietMsMax = 86_400_000;

const traces = ({ lastRequestAt, tracing }: Seen, nowMs: number): Said => {
  const evidence = { lastRequestAt };
  if (!tracing) return { status: 'SKIP', message: 'spec.observability.tracing of its manifest is false.', evidence };
  if (lastRequestAt === null) return { status: 'WARN', message: 'No trace of it ever came.', evidence };
  const quietMs = nowMs - Date.parse(lastRequestAt);
  return quietMs > quietMsMax
    ? { status: 'WARN', message: 'No trace of it came for a day: it serves nobody, or cannot send.', evidence }
    : { status: 'PASS', message: 'Its traces arrive.', evidence };
};

const existence = ({ bot }: Seen): Said => ({
  status: 'PASS',
  message: `It is bot ${bot.name} of fleet ${bot.fleetName}.`,
  evidence: { name: bot.name, fleetId: bot.fleetId, createdAt: bot.createdAt },
});

const all: Readonly<Record<string, (seen: Seen, nowMs: number) => Said>> = {
  'instance-exists': existence,
  'manifest-valid': manifest,
  'configuration-released': released,
  'configuration-applied': applied,
  drift,
  status: life,
  reachable,
  'own-health': ownHealth,
  version: engineVersion,
  health,
  findings,
  traces,
};

export const checksOf = (seen: Seen, nowMs: number): readonly Check[] =>
  Object.entries(all).map(([check, look]) => ({ check, ...look(seen, nowMs) }));
