// Published and refused versions → releases; what the reconciler reports → settled bots.
import {
  BotConverged,
  BotFailed,
  ManifestPublished,
  ManifestRefused,
  PlanRelease,
  ClearRelease,
  type DeniedRelease,
  ReleaseEvaluated,
  ReleaseRollback,
  SettleBot,
} from '@molthub/contracts';
import { intend, on, type Reaction } from '@molthub/service';
import { convergedVersion, waitsFor } from './queries.ts';

/** A bot that fails this often at one generation has failed its change set; the reconciler goes on trying. */
export const attemptsMax = 5;

export const reactions: readonly Reaction[] = [
  on(ManifestPublished, 'release', async ({ data }, reads) => {
    const { botId, botName, fleetId, fleetName, fleetStatus, environment, version, generation, hash, resolved } = data;
    const after = { version, generation, hash };
    if (data.forChangeSetId !== null) {
      const restored = { botName, fleetId, fleetName, fleetStatus, environment, after, resolved };
      return [intend(ReleaseRollback, { changeSetId: data.forChangeSetId, botId, restored, message: '' })];
    }
    // What a changed layer brings waits for the other bots of its change set: `advance` plans them together.
    if (data.changeSetId === null || data.layersChangeSetId !== undefined) return [];
    // A first version has nothing to go back to, so nothing has to be looked up.
    const [before, waits] =
      data.previous === null
        ? [null, null]
        : await Promise.all([convergedVersion(botId, reads), waitsFor(botId, data.changeSetId, reads)]);
    return [
      intend(PlanRelease, {
        changeSetId: data.changeSetId,
        fleetId,
        fleetName,
        fleetStatus,
        environment,
        strategy: data.release.strategy,
        author: data.author,
        reason: data.reason,
        bot: { botId, botName, wave: 0, before, after },
        resolved,
        ...(data.judgedAt === undefined ? {} : { judgedAt: data.judgedAt }),
        ...(waits === null ? {} : { waits }),
      }),
    ];
  }),
  on(ManifestRefused, 'restore-refused', ({ data }) =>
    data.forChangeSetId === null
      ? []
      : [
          intend(ReleaseRollback, {
            changeSetId: data.forChangeSetId,
            botId: data.botId,
            restored: null,
            message: `Its earlier version was refused: ${data.message}`,
          }),
        ],
  ),
  on(ReleaseEvaluated, 'policy-answered', ({ data: { askId, changeSetId, allowed, denied }, time }) => [
    ...(allowed.length > 0 ? [intend(ClearRelease, { askId, changeSetId, botIds: allowed, judgedAt: time })] : []),
    ...denied.map((bot) => intend(SettleBot, { changeSetId, ...deniedOf(bot) })),
  ]),
  on(BotConverged, 'converged', ({ data: { changeSetId, botId, generation } }) => [
    intend(SettleBot, { changeSetId, botId, generation, result: 'CONVERGED', message: '' }),
  ]),
  on(BotFailed, 'failed', ({ data: { changeSetId, botId, generation, error, attempt } }) =>
    error.permanent || error.code === 'reconciler.stuck' || attempt >= attemptsMax
      ? [intend(SettleBot, { changeSetId, botId, generation, result: 'FAILED', message: error.message })]
      : [],
  ),
];

const deniedOf = ({ botId, version, generation, count, violations }: DeniedRelease) => {
  const said = violations.map(
    ({ ruleId, path, message }) => `${message} (${ruleId}${path === '' ? '' : ` at ${path}`})`,
  );
  const more = count > violations.length ? ` And ${count - violations.length} more.` : '';
  const message = `Policy denies the release of version ${version}: ${said.join(' ')}${more}`;
  return { botId, generation, result: 'FAILED' as const, message, isDenied: true as const };
};
