// A dashboard: what it is called, which variables it has, and rows of panels.
import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';

export type Section = { readonly title: string; readonly panels: readonly Builder<dashboard.Panel>[] };

export type Described = {
  readonly uid: string;
  readonly title: string;
  readonly about: string;
  readonly variables: readonly Builder<dashboard.VariableModel>[];
  readonly sections: readonly Section[];
};

const tag = 'molthub';

/** The dashboards of Molthub, in one menu. */
const others = () =>
  new dashboard.DashboardLinkBuilder('Molthub')
    .type(dashboard.DashboardLinkType.Dashboards)
    .tags([tag])
    .asDropdown(true)
    .includeVars(true)
    .keepTime(true);

/** As Grafana's file provider reads it. Changes are made here and not in Grafana: the next start would undo them. */
export const built = ({ uid, title, about, variables, sections }: Described): dashboard.Dashboard => {
  const empty = new dashboard.DashboardBuilder(title)
    .uid(uid)
    .description(about)
    .tags([tag])
    .time({ from: 'now-6h', to: 'now' })
    .refresh('30s')
    .timezone('browser')
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .readonly()
    .link(others())
    .variables([...variables]);
  return sections
    .reduce(
      (filling, section) =>
        section.panels.reduce(
          (filled, panel) => filled.withPanel(panel),
          filling.withRow(new dashboard.RowBuilder(section.title)),
        ),
      empty,
    )
    .build();
};
