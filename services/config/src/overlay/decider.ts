// Overlays: what bots run otherwise, some of them, or for some time. Time and shares arrive inside the command.
import {
  type ChooseCohort,
  type CommandOf,
  type CreateOverlay,
  type DeleteOverlay,
  type FactOf,
  LayersChanged,
  Overlay,
  OverlayActivated,
  OverlayCohortChanged,
  OverlayCreated,
  OverlayDeactivated,
  OverlayDeleted,
  OverlayUpdated,
  PassOverlayEdge,
  type UpdateOverlay,
} from '@molthub/contracts';
import { type Decider, type Placed, Rejected, unreachable } from '@molthub/decider';
import { activeAt, nextEdge } from '@molthub/layers';
import { diff } from '@molthub/manifest';
import { expectVersion } from '../expected-version.ts';
import { layersStream, wanted } from '../layers/layer-change.ts';

export const overlayEvents = [
  OverlayCreated,
  OverlayUpdated,
  OverlayDeleted,
  OverlayActivated,
  OverlayDeactivated,
  OverlayCohortChanged,
  LayersChanged,
] as const;
export type OverlayFact = FactOf<(typeof overlayEvents)[number]>;

/** The bots of its share, as they are by the command and the bots there are; null where it has none. */
type Chosen = { readonly cohort: readonly string[] | null };

export type OverlayCommand =
  | (CommandOf<typeof CreateOverlay> & Chosen)
  | (CommandOf<typeof UpdateOverlay> & Chosen)
  | (CommandOf<typeof ChooseCohort> & Chosen)
  | CommandOf<typeof DeleteOverlay>
  | CommandOf<typeof PassOverlayEdge>;

type Existing = {
  readonly kind: 'exists';
  readonly overlayId: string;
  readonly version: number;
  readonly overlay: Overlay;
  /** Up to when its schedule has been looked at. */
  readonly at: string;
  readonly active: boolean;
  readonly cohort: readonly string[] | null;
};
export type OverlayState = { readonly kind: 'absent' } | Existing | { readonly kind: 'deleted' };
type Told = readonly Placed<OverlayFact>[];

export const overlays: Decider<OverlayState, OverlayCommand, OverlayFact> = {
  initial: { kind: 'absent' },
  decide: (command, state) => {
    switch (command.type) {
      case 'config.overlay.create.v1':
        return create(command, state);
      case 'config.overlay.update.v1':
        return update(command, existing(state));
      case 'config.overlay.delete.v1': {
        const { version, overlay, overlayId } = existing(state);
        expectVersion(command.data.expectedVersion, version);
        const deleted = { type: OverlayDeleted.type, data: { overlayId, name: overlay.name } };
        return [deleted, changed(command, 'deleted', overlay.name, version + 1)];
      }
      case 'config.overlay.pass-edge.v1':
        return state.kind === 'exists' ? passEdge(command, state) : [];
      case 'config.overlay.choose-cohort.v1':
        return state.kind === 'exists' ? chooseCohort(command, state) : [];
      default:
        return unreachable(command);
    }
  },
  evolve: (state, fact) => {
    switch (fact.type) {
      case 'config.overlay.created.v1':
      case 'config.overlay.updated.v1': {
        const { overlayId, at, active, cohort, ...overlay } = fact.data;
        const version = state.kind === 'exists' ? state.version + 1 : 1;
        return { kind: 'exists', overlayId, version, overlay, at, active, cohort };
      }
      case 'config.overlay.activated.v1':
      case 'config.overlay.deactivated.v1': {
        if (state.kind !== 'exists') return state;
        const active = fact.type === 'config.overlay.activated.v1';
        return { ...state, version: state.version + 1, active, at: fact.data.at };
      }
      case 'config.overlay.cohort-changed.v1':
        return state.kind === 'exists' ? { ...state, version: state.version + 1, cohort: fact.data.cohort } : state;
      case 'config.overlay.deleted.v1':
        return { kind: 'deleted' };
      // In the stream of the workspace's layers, not in this one.
      case 'config.layers.changed.v1':
        return state;
      default:
        return unreachable(fact);
    }
  },
};

/** The next edge of its schedule is when it wants to be woken. */
export const dueOf = (state: OverlayState) => {
  if (state.kind !== 'exists' || state.overlay.schedule === null) return null;
  const edge = nextEdge(state.overlay.schedule, state.at);
  return edge && { at: edge.at, definition: PassOverlayEdge, data: { overlayId: state.overlayId, at: edge.at } };
};

const existing = (state: OverlayState): Existing => {
  if (state.kind !== 'exists') throw new Rejected('config.overlay-not-found', 'There is no such overlay.');
  return state;
};

/** Whether its schedule has it on: without one it always is. */
export const isOn = ({ schedule }: Pick<Overlay, 'schedule'>, at: string): boolean =>
  schedule === null || activeAt(schedule, at);

const create = (command: CommandOf<typeof CreateOverlay> & Chosen, state: OverlayState): Told => {
  if (state.kind !== 'absent')
    throw new Rejected('config.overlay-exists', 'An overlay with this id exists or existed.');
  const { data, time: at, cohort } = command;
  const moment = { at, active: isOn(data, at), cohort: cohort && [...cohort] };
  return [{ type: OverlayCreated.type, data: { ...data, ...moment } }, changed(command, 'created', data.name, 1)];
};

const update = (command: CommandOf<typeof UpdateOverlay> & Chosen, state: Existing): Told => {
  const { overlayId, expectedVersion, ...fields } = command.data;
  const { version, overlay } = state;
  expectVersion(expectedVersion, version);
  const after = Overlay.parse(wanted(overlay, fields));
  const { cohort, time: at } = command;
  if (diff(overlay, after).length === 0 && diff(state.cohort, cohort).length === 0) return [];
  const moment = { at, active: isOn(after, at), cohort: cohort && [...cohort] };
  const updated = { type: OverlayUpdated.type, data: { ...after, overlayId, ...moment } };
  return [updated, changed(command, 'updated', after.name, version + 1)];
};

/** What counts is now: a window that passed while nobody looked did nothing, and is not made up for. */
const passEdge = (command: CommandOf<typeof PassOverlayEdge>, state: Existing): Told => {
  const { overlay, overlayId, version, active } = state;
  // The database's clock says when, and this one may be a little behind.
  const at = command.time < command.data.at ? command.data.at : command.time;
  const isActive = isOn(overlay, at);
  if (isActive === active) return [];
  const { name } = overlay;
  const passed = { type: (isActive ? OverlayActivated : OverlayDeactivated).type, data: { overlayId, name, at } };
  return [passed, changed(command, isActive ? 'activated' : 'deactivated', name, version + 1)];
};

const chooseCohort = (command: CommandOf<typeof ChooseCohort> & Chosen, state: Existing): Told => {
  const { overlay, overlayId, version } = state;
  const { cohort } = command;
  if (cohort === null || diff(state.cohort, cohort).length === 0) return [];
  const { name } = overlay;
  const chosen = { type: OverlayCohortChanged.type, data: { overlayId, name, cohort: [...cohort] } };
  return [chosen, changed(command, 'cohort-changed', name, version + 1)];
};

const changed = (
  { workspace, data: { overlayId: id } }: OverlayCommand,
  change: FactOf<typeof LayersChanged>['data']['change'],
  name: string,
  version: number,
): Placed<OverlayFact> => ({
  type: LayersChanged.type,
  stream: layersStream(workspace),
  data: { layer: { kind: 'overlay', id, name, version }, change },
});
