// What one change of a layer does to the bots of the workspace: said once, in parts, a change set for each fleet.
import {
  type CommandOf,
  type EvaluateLayers,
  type FactOf,
  LayersEvaluated,
  ResolutionChanged,
} from '@molthub/contracts';
import type { Decider } from '@molthub/decider';

export const resolutionEvents = [ResolutionChanged, LayersEvaluated] as const;
export type ResolutionFact = FactOf<(typeof resolutionEvents)[number]>;
type Data = FactOf<typeof ResolutionChanged>['data'];

/** What is the same for all bots that the change moves. */
type Change = Pick<Data, 'layer' | 'change' | 'layersVersion' | 'reason'>;
/** The bots of one fleet that resolve to something else now. */
type MovedFleet = Pick<Data, 'changeSetId' | 'fleetId' | 'fleetName' | 'environment' | 'release' | 'bots'>;

export type ResolutionCommand = CommandOf<typeof EvaluateLayers> & {
  readonly change: Change;
  readonly fleets: readonly MovedFleet[];
};

/** An event is at most 512 KiB, so many bots are told in parts. */
export const botsPerChunkMax = 250;

export const resolutions: Decider<'unknown' | 'told', ResolutionCommand, ResolutionFact> = {
  initial: 'unknown',
  decide: ({ actor, change, fleets }, state) => {
    if (state === 'told') return [];
    const { layer, layersVersion } = change;
    const changeSetIds = fleets.map(({ changeSetId }) => changeSetId);
    const bots = fleets.reduce((sum, fleet) => sum + fleet.bots.length, 0);
    return [
      ...fleets.flatMap((fleet) =>
        chunksOf(fleet.bots).map((chunk) => ({
          type: ResolutionChanged.type,
          data: { ...change, ...fleet, ...chunk, author: actor },
        })),
      ),
      { type: LayersEvaluated.type, data: { layersVersion, layer, bots, changeSetIds } },
    ];
  },
  evolve: () => 'told',
};

const chunksOf = (bots: MovedFleet['bots']) => {
  const chunks = Math.ceil(bots.length / botsPerChunkMax);
  return Array.from({ length: chunks }, (_, chunk) => ({
    chunk,
    chunks,
    bots: bots.slice(chunk * botsPerChunkMax, (chunk + 1) * botsPerChunkMax),
  }));
};
