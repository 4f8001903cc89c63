// What one change of a layer does to the bots of the workspace: said once, in parts, a change set for each fleet; or that
// it cannot be said.
import {
  type CommandOf,
  type EvaluateLayers,
  type FactOf,
  LayersEvaluated,
  LayersRefused,
  type RefuseLayers,
  ResolutionChanged,
} from '@molthub/contracts';
import { type Decider, unreachable } from '@molthub/decider';

export const resolutionEvents = [ResolutionChanged, LayersEvaluated, LayersRefused] as const;
export type ResolutionFact = FactOf<(typeof resolutionEvents)[number]>;
type Data = FactOf<typeof ResolutionChanged>['data'];

/** What is the same for all bots that the change moves. */
type Change = Pick<Data, 'layer' | 'change' | 'layersVersion' | 'reason'>;
/** The bots of one fleet that resolve to something else now. */
type MovedFleet = Pick<Data, 'changeSetId' | 'fleetId' | 'fleetName' | 'environment' | 'release' | 'bots'>;

export type Evaluation = CommandOf<typeof EvaluateLayers> & {
  readonly change: Change;
  readonly fleets: readonly MovedFleet[];
};
export type ResolutionCommand =
  | Evaluation
  | (CommandOf<typeof RefuseLayers> & { readonly change: Omit<Change, 'reason'> });

/** An event is at most 512 KiB, so many bots are told in parts. */
export const botsPerChunkMax = 250;

export const resolutions: Decider<'unknown' | 'told', ResolutionCommand, ResolutionFact> = {
  initial: 'unknown',
  decide: (command, state) => {
    if (state === 'told') return [];
    switch (command.type) {
      case 'config.layers.evaluate.v1':
        return tell(command);
      case 'config.layers.refuse.v1': {
        const { layer, layersVersion } = command.change;
        const { code, message } = command.data;
        return [{ type: LayersRefused.type, data: { layersVersion, layer, code, message } }];
      }
      default:
        return unreachable(command);
    }
  },
  evolve: () => 'told',
};

const tell = ({ actor, change, fleets }: Evaluation): readonly ResolutionFact[] => {
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
};

const chunksOf = (bots: MovedFleet['bots']) => {
  const chunks = Math.ceil(bots.length / botsPerChunkMax);
  return Array.from({ length: chunks }, (_, chunk) => ({
    chunk,
    chunks,
    bots: bots.slice(chunk * botsPerChunkMax, (chunk + 1) * botsPerChunkMax),
  }));
};
