// Policy packs of a workspace: created, changed field by field, deleted.
import type {
  ChangePack,
  CommandOf,
  CreatePack,
  DeletePack,
  FactOf,
  PackChanged,
  PackCreated,
  PackDeleted,
} from '@molthub/contracts';
import { type Decider, Rejected, unreachable } from '@molthub/decider';
import { diff } from '@molthub/manifest';
import { expectVersion } from '../expected-version.ts';

export type PackCommand = CommandOf<typeof CreatePack> | CommandOf<typeof ChangePack> | CommandOf<typeof DeletePack>;

export type PackFact = FactOf<typeof PackCreated> | FactOf<typeof PackChanged> | FactOf<typeof PackDeleted>;

type Fields = Omit<FactOf<typeof PackCreated>['data'], 'packId'>;
type Existing = {
  readonly kind: 'exists';
  readonly packId: string;
  readonly version: number;
  readonly fields: Fields;
};
export type PackState = { readonly kind: 'absent' } | Existing | { readonly kind: 'deleted' };

export const packs: Decider<PackState, PackCommand, PackFact> = {
  initial: { kind: 'absent' },
  decide: (command, state) => {
    switch (command.type) {
      case 'policy.pack.create.v1':
        if (state.kind !== 'absent') throw new Rejected('policy.pack-exists', 'A pack with this id exists or existed.');
        return [{ type: 'policy.pack.created.v1', data: command.data }];
      case 'policy.pack.change.v1':
        return change(command, existing(state));
      case 'policy.pack.delete.v1': {
        const { packId, version } = existing(state);
        expectVersion(command.data.expectedVersion, version);
        return [{ type: 'policy.pack.deleted.v1', data: { packId } }];
      }
      default:
        return unreachable(command);
    }
  },
  evolve: (state, fact) => {
    switch (fact.type) {
      case 'policy.pack.created.v1': {
        const { packId, ...fields } = fact.data;
        return { kind: 'exists', packId, version: 1, fields };
      }
      case 'policy.pack.changed.v1': {
        if (state.kind !== 'exists') return state;
        return { ...state, version: state.version + 1, fields: merged(state.fields, fact.data) };
      }
      case 'policy.pack.deleted.v1':
        return { kind: 'deleted' };
      default:
        return unreachable(fact);
    }
  },
};

const existing = (state: PackState): Existing => {
  if (state.kind !== 'exists') throw new Rejected('policy.pack-not-found', 'There is no such policy pack.');
  return state;
};

/** Says only what changed; nothing where nothing did. */
const change = ({ data }: CommandOf<typeof ChangePack>, { packId, version, fields }: Existing): readonly PackFact[] => {
  const { packId: _, expectedVersion, ...wanted } = data;
  expectVersion(expectedVersion, version);
  const before = new Map<string, unknown>(Object.entries(fields));
  const changed = Object.fromEntries(
    Object.entries(wanted).filter(([name, value]) => value !== undefined && diff(before.get(name), value).length > 0),
  );
  if (Object.keys(changed).length === 0) return [];
  return [{ type: 'policy.pack.changed.v1', data: { packId, ...changed } }];
};

/** What a fact leaves out stays as it was. */
const merged = (fields: Fields, changed: FactOf<typeof PackChanged>['data']): Fields => ({
  name: changed.name ?? fields.name,
  description: changed.description ?? fields.description,
  priority: changed.priority ?? fields.priority,
  targetEnvironments: changed.targetEnvironments ?? fields.targetEnvironments,
  targetTags: changed.targetTags ?? fields.targetTags,
  isEnforced: changed.isEnforced ?? fields.isEnforced,
  autoApply: changed.autoApply ?? fields.autoApply,
  isActive: changed.isActive ?? fields.isActive,
  rules: changed.rules ?? fields.rules,
});
