// What /metrics tells: what every service counts in this process, and figures that only the read side knows.
import { z } from 'zod';
import type { World } from './world.ts';

const Bots = z.object({ status: z.string(), health: z.string(), n: z.int() });
const ChangeSets = z.object({ status: z.string(), n: z.int() });

/** The text of one scrape. Where the read side does not answer, its figures are left out rather than invented. */
export const exposed = async (world: World): Promise<{ readonly text: string; readonly type: string }> => {
  const { metrics, logger } = world.runtime;
  const bots = metrics.gauge('molthub_bots', 'Bots by status and health.', ['status', 'health']);
  const changeSets = metrics.gauge('molthub_change_sets', 'Change sets by status.', ['status']);
  bots.reset();
  changeSets.reset();
  try {
    const [botRows, changeSetRows] = await Promise.all([
      world.views(
        `select coalesce(r.status, 'CREATING') as status, coalesce(h.status, 'UNKNOWN') as health, count(*)::int as n
         from config_read.bots b left join reconciler_read.bots r on r.bot_id = b.id
         left join health_read.bots h on h.bot_id = b.id group by 1, 2`,
      ),
      world.views('select status, count(*)::int as n from rollout_read.change_sets group by 1'),
    ]);
    for (const { status, health, n } of z.array(Bots).parse(botRows)) bots.set({ status, health }, n);
    for (const { status, n } of z.array(ChangeSets).parse(changeSetRows)) changeSets.set({ status }, n);
  } catch (error) {
    logger.warn({ err: error }, 'the read side gave no figures');
  }
  return { text: await metrics.text(), type: metrics.registry.contentType };
};
