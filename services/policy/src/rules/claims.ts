// What a rule says of one field, where that can be read off its parameters: enough to see that two rules want what
// cannot be together. Rules that say more are left out; nothing is guessed about patterns, schemas and expressions.
import type { PolicyRule } from '@molthub/contracts';
import { z } from 'zod';
import { ruleTypes } from './registry.ts';

export type Claim = { readonly path: string } & (
  | { readonly is: 'present' }
  | { readonly is: 'absent' }
  | ((
      | { readonly is: 'between'; readonly min: number; readonly max: number }
      | { readonly is: 'form'; readonly form: string }
      | { readonly is: 'among'; readonly words: readonly string[] }
      | { readonly is: 'not-among'; readonly words: readonly string[] }
    ) & {
      /** Whether a bot that leaves the field out breaks the rule; else it can pass two that want different values. */
      readonly needsValue: boolean;
    })
);

const Words = z.array(z.string());
const Parameters = z.looseObject({
  field: z.string().default(''),
  min: z.number().default(-Infinity),
  max: z.number().default(Infinity),
  format: z.string().default('regex'),
  maxCpu: z.number().optional(),
  maxMemory: z.number().optional(),
  maxReplicas: z.number().optional(),
  maxAgeDays: z.number().default(Infinity),
  allowedModes: Words.default([]),
  allowedValues: Words.optional(),
  forbiddenValues: Words.default([]),
  allowedInbound: Words.default([]),
  allowedEgress: Words.default([]),
  allowedProviders: Words.default([]),
});

/** What the rule claims, with the defaults of its type; nothing where it is broken or of a type that is not known. */
export const claimsOf = ({ type, config }: PolicyRule): readonly Claim[] => {
  const parsed = ruleTypes.get(type)?.parameters.safeParse(config);
  if (!parsed?.success) return [];
  const said = Parameters.parse(parsed.data);
  const path = said.field;
  switch (type) {
    case 'required_field':
      return [{ path, is: 'present' }];
    case 'forbidden_field':
      return [{ path, is: 'absent' }];
    case 'field_range':
      return [{ path, is: 'between', min: said.min, max: said.max, needsValue: false }];
    case 'field_format':
      return said.format === 'regex' ? [] : [{ path, is: 'form', form: said.format, needsValue: false }];
    case 'resource_limits':
      return [
        ...capped('cpu', said.maxCpu, true),
        ...capped('memory', said.maxMemory, true),
        ...capped('replicas', said.maxReplicas, false),
      ];
    case 'scaling_limits':
      return capped('replicas', said.maxReplicas, false);
    case 'require_sandbox':
      return [
        { path: 'spec.config.agents.defaults.sandbox.mode', is: 'among', words: said.allowedModes, needsValue: true },
      ];
    case 'require_dm_policy':
      return dmPolicies(said.allowedValues, said.forbiddenValues);
    case 'require_network_isolation':
      return [
        { path: 'spec.network.inbound', is: 'among', words: said.allowedInbound, needsValue: true },
        { path: 'spec.network.egressPreset', is: 'among', words: said.allowedEgress, needsValue: true },
      ];
    case 'require_token_rotation':
      return [
        { path: 'spec.security.tokenMaxAgeDays', is: 'between', min: 1, max: said.maxAgeDays, needsValue: true },
        { path: 'spec.security.tokenMaxAgeDays', is: 'present' },
      ];
    case 'require_secret_manager':
      return [{ path: 'spec.secrets[*].provider', is: 'among', words: said.allowedProviders, needsValue: false }];
    default:
      return [];
  }
};

/** What is bounded must be written, but for replicas, of which there is one. */
const capped = (field: string, max: number | undefined, mustBeThere: boolean): readonly Claim[] => {
  if (max === undefined) return [];
  const path = `spec.runtime.${field}`;
  return [
    { path, is: 'between', min: -Infinity, max, needsValue: mustBeThere },
    ...(mustBeThere ? [{ path, is: 'present' } as const] : []),
  ];
};

const dmPolicies = (allowed: readonly string[] | undefined, forbidden: readonly string[]): readonly Claim[] => {
  const path = 'spec.config.channels.*.dmPolicy';
  if (allowed === undefined) return [{ path, is: 'not-among', words: forbidden, needsValue: false }];
  return [{ path, is: 'among', words: allowed.filter((word) => !forbidden.includes(word)), needsValue: false }];
};

type Said = { readonly path: string; readonly message: string };

/** Why two claims cannot both hold, or undefined where they can. */
export const contradiction = (a: Claim, b: Claim): Said | undefined => between(a, b) ?? between(b, a);

const between = (a: Claim, b: Claim): Said | undefined => {
  if (a.is === 'present' && b.is === 'absent') {
    return isWithin(a.path, b.path)
      ? { path: a.path, message: `One requires ${a.path}, the other forbids ${b.path}; no bot can have both.` }
      : undefined;
  }
  if (a.path !== b.path || !('needsValue' in a && 'needsValue' in b)) return undefined;
  if (!(a.needsValue || b.needsValue)) return undefined;
  const { path } = a;
  if (a.is === 'between' && b.is === 'between' && a.max < b.min) {
    return { path, message: `One wants ${path} to be at most ${a.max}, the other at least ${b.min}.` };
  }
  if (a.is === 'form' && b.is === 'form' && a.form !== b.form) {
    return { path, message: `No text at ${path} is both ${a.form} and ${b.form}.` };
  }
  if (a.is === 'among' && (b.is === 'among' || b.is === 'not-among')) {
    const isLeft = (word: string) => b.words.includes(word) === (b.is === 'among');
    if (!a.words.some(isLeft)) return { path, message: `No value of ${path} is allowed by both.` };
  }
  return undefined;
};

const isWithin = (path: string, other: string): boolean =>
  path === other || path.startsWith(`${other}.`) || path.startsWith(`${other}[`);
