// What is written into events for ever is without secrets, like everything that bots send, and of a trace that has not
// ended by other doors.
import type { CommandOf, EndTrace, ManualAttributes, OpenTrace } from '@molthub/contracts';
import type { Reads } from '@molthub/event-store';
import type { Prepared } from '@molthub/service';
import { keyCharsMax, storable, textCharsMax, valueCharsMax } from '../attribute-json.ts';
import { isSecretKey } from '../redact.ts';
import { traceExists } from './decider.ts';

type Command = CommandOf<typeof OpenTrace> | CommandOf<typeof EndTrace>;

const clean = (text: string): string => storable(text, textCharsMax);
const cleaned = (attributes: ManualAttributes): ManualAttributes =>
  Object.fromEntries(
    Object.entries(attributes).map(([key, value]) => [
      storable(key, keyCharsMax),
      isSecretKey(key) ? '[redacted]' : typeof value === 'string' ? storable(value, valueCharsMax) : value,
    ]),
  );

/** One whose root has come is over. Where a bot's first spans come before it is begun here, it is the root they wait for. */
const requireNotOver = async (reads: Reads, botId: string, traceId: string): Promise<void> => {
  const roots = await reads('select 1 from traces where trace_id = $1::uuid and bot_id = $2::uuid and root_count > 0', [
    traceId,
    botId,
  ]);
  if (roots.length > 0) throw traceExists();
};

export const prepareManualTrace = async (command: Command, reads: Reads): Promise<Prepared<Command>> => {
  if (command.type === 'trace.trace.end.v1') {
    const { data } = command;
    return {
      command: { ...command, data: { ...data, message: clean(data.message), attributes: cleaned(data.attributes) } },
    };
  }
  const { data } = command;
  await requireNotOver(reads, data.botId, data.traceId);
  const session = data.session === null ? null : clean(data.session);
  return {
    command: { ...command, data: { ...data, name: clean(data.name), session, attributes: cleaned(data.attributes) } },
  };
};
