// What is written into events for ever is without secrets and what its fleet wants hidden, like everything that bots send,
// and of a trace that has not ended by other doors.
import type { CommandOf, EndTrace, ManualAttributes, OpenTrace } from '@molthub/contracts';
import type { Reads } from '@molthub/event-store';
import type { Prepared } from '@molthub/service';
import { z } from 'zod';
import { keyCharsMax, storable, textCharsMax, valueCharsMax } from '../attribute-json.ts';
import { readSettingsOf } from '../fleet-settings.ts';
import { isSecretKey } from '../named-secrets.ts';
import { doubleJson } from '../otlp/write-value.ts';
import { hashedValue, nothingMore, type Redaction } from '../redact.ts';
import { redactionBy, rulesOf } from '../redaction-rules.ts';
import { traceExists } from './decider.ts';

type Command = CommandOf<typeof OpenTrace> | CommandOf<typeof EndTrace>;
type Value = ManualAttributes[string];

/** One whose root has come is over. Where a bot's first spans come before it is begun here, it is the root they wait for. */
const requireNotOver = async (reads: Reads, botId: string, traceId: string): Promise<void> => {
  const roots = await reads('select 1 from traces where trace_id = $1::uuid and bot_id = $2::uuid and root_count > 0', [
    traceId,
    botId,
  ]);
  if (roots.length > 0) throw traceExists();
};

export const prepareManualTrace = async (command: Command, reads: Reads): Promise<Prepared<Command>> => {
  const redaction = await redactionOf(await fleetOf(command, reads), reads);
  const clean = (text: string): string => storable(text, textCharsMax, redaction);
  if (command.type === 'trace.trace.end.v1') {
    const { data } = command;
    const attributes = cleaned(data.attributes, redaction);
    return { command: { ...command, data: { ...data, message: clean(data.message), attributes } } };
  }
  const { data } = command;
  await requireNotOver(reads, data.botId, data.traceId);
  const [name, session] = [clean(data.name), cleanSession(data.session, redaction)];
  return { command: { ...command, data: { ...data, name, session, attributes: cleaned(data.attributes, redaction) } } };
};

const fleetOf = async (command: Command, reads: Reads): Promise<string | null> => {
  if (command.type === 'trace.trace.open.v1') return command.data.fleetId;
  const { botId, traceId } = command.data;
  const rows = await reads('select fleet_id from manual_traces where bot_id = $1 and trace_id = $2::uuid', [
    botId,
    traceId,
  ]);
  return z.array(z.object({ fleet_id: z.uuid().nullable() })).parse(rows)[0]?.fleet_id ?? null;
};

const redactionOf = async (fleetId: string | null, reads: Reads): Promise<Redaction> => {
  if (fleetId === null) return nothingMore;
  const redactor = rulesOf(fleetId, await readSettingsOf(reads, fleetId))?.begin();
  return redactor ? redactionBy(redactor) : nothingMore;
};

const cleaned = (attributes: ManualAttributes, redaction: Redaction): ManualAttributes =>
  Object.fromEntries(
    Object.entries(attributes)
      .filter(([key]) => redaction.actionOf?.(key) !== 'drop')
      .map(([key, value]) => [storable(key, keyCharsMax, redaction), cleanValue(key, value, redaction)]),
  );

const cleanValue = (key: string, value: Value, redaction: Redaction): Value => {
  const action = redaction.actionOf?.(key);
  if (isSecretKey(key) || action === 'mask') return '[redacted]';
  const clean = typeof value === 'string' ? storable(value, valueCharsMax, redaction) : value;
  return action === 'hash' ? hashedValue(jsonOf(clean), redaction.salt) : clean;
};

/** As a span has it, so that its hash is the same. */
const jsonOf = (value: Value): string =>
  typeof value === 'number' && !Number.isSafeInteger(value) ? doubleJson(value) : JSON.stringify(value);

/** It becomes this attribute of the trace's span, and its place is where sessions of all others are. */
const cleanSession = (session: string | null, redaction: Redaction): string | null => {
  const action = redaction.actionOf?.('gen_ai.conversation.id') ?? null;
  if (session === null || action === 'drop') return null;
  return action === null ? storable(session, textCharsMax, redaction) : '[redacted]';
};
