// Our facts → every version of each workspace's prices.
import { PricesChanged } from '@molthub/contracts';
import { projection, when } from '@molthub/event-store';

export const priceViews = projection({
  name: 'prices',
  revision: 1,
  tables: `
    create table prices (
      workspace text not null, version int not null, effective_from timestamptz not null, models jsonb not null,
      changed_at timestamptz not null, primary key (workspace, version)
    );
  `,
  views: { prices: 'select workspace, version, effective_from, models, changed_at from prices' },
  handlers: [
    when(PricesChanged, ({ workspace, data, time }, sql) =>
      sql(
        `insert into prices (workspace, version, effective_from, models, changed_at) values ($1, $2, $3, $4, $5)
         on conflict do nothing`,
        [workspace, data.version, data.effectiveFrom, JSON.stringify(data.models), time],
      ),
    ),
  ],
});
