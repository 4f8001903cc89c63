// What is written into events for ever is without secrets, like everything that bots send.
import type { CommandOf, EndTrace, ManualAttributes, OpenTrace } from '@molthub/contracts';
import type { Prepared } from '@molthub/service';
import { keyCharsMax, storable, textCharsMax, valueCharsMax } from '../attribute-json.ts';
import { isSecretKey } from '../named-secrets.ts';

type Command = CommandOf<typeof OpenTrace> | CommandOf<typeof EndTrace>;

const clean = (text: string): string => storable(text, textCharsMax);
const cleaned = (attributes: ManualAttributes): ManualAttributes =>
  Object.fromEntries(
    Object.entries(attributes).map(([key, value]) => [
      storable(key, keyCharsMax),
      isSecretKey(key) ? '[redacted]' : typeof value === 'string' ? storable(value, valueCharsMax) : value,
    ]),
  );

export const prepareManualTrace = (command: Command): Prepared<Command> => {
  if (command.type === 'trace.trace.end.v1') {
    const { data } = command;
    return {
      command: { ...command, data: { ...data, message: clean(data.message), attributes: cleaned(data.attributes) } },
    };
  }
  const { data } = command;
  const session = data.session === null ? null : clean(data.session);
  return {
    command: { ...command, data: { ...data, name: clean(data.name), session, attributes: cleaned(data.attributes) } },
  };
};
