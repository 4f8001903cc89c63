// How a bot's commands end: proposals stay pending until they are published, refused or superseded by a later command.
import type { Outcome } from '@molthub/contracts';
import type { Conclusion } from '@molthub/service';
import type { BotCommand } from './prepared.ts';
import type { BotFact } from './state.ts';

type Ended = { readonly commandId: string; readonly outcome: Outcome };

/** Every proposal that these facts end, with its outcome, and the command's own. */
export const conclude = (command: BotCommand, facts: readonly BotFact[], version: number): Conclusion => {
  const ended = facts.flatMap(endOf);
  const isProposed = facts.some((fact) => fact.type === 'config.manifest.proposed.v1');
  const own = ended.find(({ commandId }) => commandId === command.id)?.outcome;
  const done: Outcome = { status: 'DONE', result: { version } };
  return {
    own: own ?? (isProposed ? { status: 'PENDING' } : done),
    others: ended.filter(({ commandId }) => commandId !== command.id),
  };
};

const endOf = (fact: BotFact): readonly Ended[] => {
  if (fact.type === 'config.manifest.refused.v1') {
    const { proposalId, code, message, errors } = fact.data;
    return [{ commandId: proposalId, outcome: { status: 'REFUSED', code, message, errors } }];
  }
  if (fact.type === 'config.manifest.published.v1') {
    const { proposalId, botId, version, hash, generation, changeSetId } = fact.data;
    const result = { botId, version, hash, generation, changeSetId };
    return [{ commandId: proposalId, outcome: { status: 'DONE', result } }];
  }
  return [];
};
