// Policy's verdicts conclude proposals; a change set on its way back asks for earlier versions; what a fleet samples of
// its traces becomes a layer of its bots.
import {
  BotRollbackRequested,
  ConcludeManifest,
  CreateOverlay,
  DeleteOverlay,
  FleetTelemetryChanged,
  ManifestEvaluated,
  RollBackManifest,
  UpdateOverlay,
} from '@molthub/contracts';
import { derivedId } from '@molthub/identity';
import { intend, on } from '@molthub/service';

/** Above what people say by overlays of the usual priority, and below those that are to have the last word. */
const samplingPriority = 900;
/** One overlay for each fleet, known by its name: whoever deletes it by hand gets it again with the next change. */
const samplingOverlayOf = (fleetId: string): string => `telemetry-${fleetId}`;

export const reactions = [
  on(ManifestEvaluated, 'conclude-manifest', ({ data, time }) => [
    intend(ConcludeManifest, {
      botId: data.botId,
      proposalId: data.proposalId,
      valid: data.valid,
      errors: data.violations.map(({ path, ruleId, message }) => ({ path, code: ruleId, message })),
      ...(data.releasable ? { judgedAt: time } : {}),
    }),
  ]),
  on(BotRollbackRequested, 'roll-back-bot', ({ data }) => [
    intend(RollBackManifest, {
      botId: data.botId,
      toVersion: data.toVersion,
      fromVersion: data.fromVersion,
      reason: data.reason,
      forChangeSetId: data.changeSetId,
    }),
  ]),
  on(FleetTelemetryChanged, 'sample-traces', async ({ id, workspace, data }, reads) => {
    const { fleetId, settings } = data;
    const { ratio } = settings.sampling;
    const name = samplingOverlayOf(fleetId);
    const [known] = await reads<{ id: string }>(
      "select id from layers where workspace = $1 and kind = 'overlay' and content ->> 'name' = $2",
      [workspace, name],
    );
    if (ratio === null) return known ? [intend(DeleteOverlay, { overlayId: known.id })] : [];
    // The share only: whether and where to a bot sends is its own to say.
    const patch = { spec: { config: { diagnostics: { otel: { sampleRate: ratio } } } } };
    if (known) return [intend(UpdateOverlay, { overlayId: known.id, patch, enabled: true })];
    return [
      intend(CreateOverlay, {
        overlayId: derivedId(id, 'sampling'),
        name,
        description: "What the fleet's telemetry says of sampling; change it there.",
        target: { fleetId },
        priority: samplingPriority,
        patch,
        schedule: null,
        rollout: null,
        enabled: true,
      }),
    ];
  }),
];
