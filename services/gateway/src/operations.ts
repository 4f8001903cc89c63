// Commands whose outcome was not there when the caller had waited long enough: kept, and sent again until it is.
import { type Command, CommandEnvelope, Outcome } from '@molthub/contracts';
import type { Commander } from '@molthub/bus';
import type { Runtime } from '@molthub/service';
import { z } from 'zod';
import type { Principal } from './principal.ts';

export type Operations = {
  /**
   * Keeps a command before its caller is told 202; answers its outcome where it was kept before and has one by now.
   * It is its maker's to look after: an operator's command may be for another workspace than the operator's own.
   */
  readonly keep: (command: Command, resourceId: string, maker: Principal) => Promise<Outcome | undefined>;
  readonly close: () => Promise<void>;
};

const expiryMs = 3_600_000;
const lookEveryMs = 1_000;
const waitMs = 5_000;
const perLook = 50;
const keptDays = 7;

const Kept = z.object({ command: CommandEnvelope.extend({ data: z.unknown() }), age: z.number() });

/** Every replica looks after what is due; a row is taken by one of them at a time. */
export const createOperations = (runtime: Runtime, commander: Commander): Operations => {
  const waiting = new Set<string>();
  let closed = false;
  let timer: NodeJS.Timeout | undefined;

  const conclude = async (id: string, outcome: Outcome) => {
    waiting.delete(id);
    await runtime.write((sql) =>
      sql(`update operations set status = $2, outcome = $3, updated_at = now() where id = $1 and status = 'PENDING'`, [
        id,
        outcome.status,
        JSON.stringify(outcome),
      ]),
    );
  };

  const again = async ({ command, age }: z.infer<typeof Kept>) => {
    const outcome = await commander.request(command, { timeoutMs: waitMs });
    if (outcome) return conclude(command.id, outcome);
    if (age <= expiryMs) return undefined;
    return conclude(command.id, { status: 'EXPIRED', message: 'There was no outcome within an hour.' });
  };

  const look = async () => {
    const rows = await runtime.write((sql) =>
      sql(
        `update operations set attempts = attempts + 1,
           next_attempt_at = now() + make_interval(secs => least(30, power(2, attempts)))
         where id in (
           select id from operations where status = 'PENDING' and next_attempt_at <= now()
           order by next_attempt_at limit ${perLook} for update skip locked)
         returning command, extract(epoch from now() - created_at)::float8 * 1000 as age`,
      ),
    );
    await Promise.all(rows.map((row) => again(Kept.parse(row))));
    await runtime.write((sql) =>
      sql(
        `delete from operations where id in (
           select id from operations where status <> 'PENDING' and updated_at < now() - make_interval(days => $1)
           limit 1000)`,
        [keptDays],
      ),
    );
  };

  let running: Promise<void> = Promise.resolve();
  const plan = () => {
    if (closed) return;
    timer = setTimeout(() => {
      running = look()
        .catch((error: unknown) => runtime.logger.warn({ err: error }, 'operations could not be looked after'))
        .then(plan);
    }, lookEveryMs);
    timer.unref();
  };
  plan();

  const forget = commander.onOutcome((id, outcome) => {
    if (!waiting.has(id)) return;
    conclude(id, outcome).catch((error: unknown) => {
      // The row is still open, so the next look asks for the stored outcome again.
      runtime.logger.warn({ err: error, operation: id }, 'an outcome could not be kept yet');
    });
  });

  return {
    keep: async (command, resourceId, maker) => {
      waiting.add(command.id);
      const rows = await runtime.write((sql) =>
        sql(
          `with mine as (
             insert into operations (id, workspace, made_by, command, resource_id, next_attempt_at, created_at, updated_at)
             values ($1, $2, $3, $4, $5, now() + interval '2 seconds', now(), now()) on conflict (id) do nothing)
           select outcome from operations where id = $1 and status <> 'PENDING'`,
          [command.id, maker.workspace, maker.keyId, JSON.stringify(command), resourceId],
        ),
      );
      return rows[0] ? Outcome.parse(rows[0]['outcome']) : undefined;
    },
    close: async () => {
      closed = true;
      clearTimeout(timer);
      forget();
      await running;
    },
  };
};
