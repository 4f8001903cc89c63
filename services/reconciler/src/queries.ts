// Answers that need the bots themselves.
import { type ObservedConfig, ReadBotLogs, ReadObservedConfig } from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import { configPatch, ownedReasons, redacted, sensitiveBy } from '@molthub/openclaw';
import { answer, type Query, type Runtime } from '@molthub/service';
import { z } from 'zod';
import { type BotRow, desiredOf, readBots } from './bot-row.ts';
import { type JsonPatch, type Targets, targetOf } from './target.ts';

export const queriesOf = (targets: () => Targets | null): readonly Query[] => [
  answer(ReadBotLogs, async ({ data, workspace }, runtime) => {
    const { row, target } = await lookedAfter(data.botId, workspace, targets(), runtime);
    return { lines: await target.logs(desiredOf(row, 'ACTIVE'), data.lines), simulated: row.simulated };
  }),
  answer(ReadObservedConfig, async ({ data, workspace }, runtime) => {
    const { row, target } = await lookedAfter(data.botId, workspace, targets(), runtime);
    return observedConfigOf(row, await target.observedPatch(desiredOf(row, 'ACTIVE')));
  }),
];

/** The bot's row and its target, which has to be one of this process. */
const lookedAfter = async (botId: string, workspace: string, open: Targets | null, runtime: Runtime) => {
  const [found] = await readBots(runtime.reads, [botId]);
  if (found?.is === 'unreadable') throw found.error;
  const row = found?.row;
  if (!row || row.workspace !== workspace) {
    throw new Rejected('reconciler.bot-unknown', 'No bot with this id was ever released.');
  }
  const target = open ? targetOf(open, row.target) : null;
  if (!target || (target.node !== null && row.node !== null && row.node !== target.node)) {
    throw new Rejected('reconciler.not-here', 'The bot is looked after by another process; ask again in a moment.');
  }
  return { row, target };
};

/** What may become the desired configuration: never a secret, and nothing that Molthub sets for each bot. */
export const observedConfigOf = (row: BotRow, found: JsonPatch | null): ObservedConfig => {
  const differing = row.drift.filter(({ path }) => path.startsWith('spec.config.'));
  if (!found || found.paths.length === 0 || differing.length === 0) {
    const message =
      'No drift of spec.config was told of this bot: there is nothing to accept. Other drift is reverted.';
    throw new Rejected('reconciler.not-drifted', message);
  }
  const { patch, paths } = found;
  const hidden = z.record(z.string(), z.unknown()).parse(redacted(patch, sensitiveBy()));
  const secrets = configPatch(patch, hidden).paths.map((path) => ({
    path: `spec.config.${path}`,
    code: 'reconciler.drift-secret',
    message: 'This is a secret, which no manifest holds: declare it in spec.secrets, or revert.',
  }));
  const refused = [...ownedReasons(patch), ...secrets];
  if (refused.length > 0) {
    const [first] = refused;
    const message = `What the bot was found to run cannot be accepted: ${first?.path}: ${first?.message}`;
    throw new Rejected('reconciler.drift-refused', message, refused);
  }
  const owners = new Set(differing.map(({ owner }) => owner));
  const [owner = 'unknown'] = owners.size === 1 ? owners : [];
  return { version: row.manifest_version, patch: ReadablePatch.parse(patch), paths: [...paths], owner };
};

const ReadablePatch = z.record(z.string(), z.json());
