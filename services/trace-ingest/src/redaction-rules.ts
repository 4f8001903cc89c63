// What a fleet wants taken out of its telemetry, on top of what looks like a secret: attributes by key, texts by pattern.
import type { AttributeRule, FleetTelemetry } from '@molthub/contracts';
import type { Redaction } from './redact.ts';
import { compilePatterns } from './redaction-patterns.ts';

/** The rules of one fleet; `begin` for each request, whose work is bounded. */
export type Rules = { readonly begin: () => Redactor };
export type Redactor = {
  readonly text: (text: string) => string;
  readonly actionOf: (key: string) => AttributeRule['action'] | null;
  /** What hashes are made with. */
  readonly salt: string;
};

/** Characters times instructions of one request, about a second's work at worst; texts beyond it are hidden whole. */
export const stepsPerRequestMax = 50_000_000;
const hiddenUnseen = '[redacted: too much to look through]';

/** Null where a fleet has no rules, so that its spans need not be looked at. */
export const rulesOf = (fleetId: string, { redaction }: FleetTelemetry): Rules | null => {
  if (redaction.attributes.length === 0 && redaction.patterns.length === 0) return null;
  const { patterns } = compilePatterns(redaction.patterns);
  const ruleOf = createLookup(redaction.attributes);
  return {
    begin: () => {
      let steps = 0;
      const text = (given: string): string => {
        if (patterns.size === 0 || given === '') return given;
        steps += given.length * patterns.size;
        return steps > stepsPerRequestMax ? hiddenUnseen : patterns.hide(given);
      };
      return { text, actionOf: ruleOf, salt: fleetId };
    },
  };
};

/** What such rules add to what is hidden of any text. */
export const redactionBy = ({ text, actionOf, salt }: Redactor): Redaction => ({ hide: text, actionOf, salt });

const createLookup = (rules: readonly AttributeRule[]) => {
  const known = new Map<string, AttributeRule['action'] | null>();
  const find = (key: string) =>
    rules.find((rule) => (rule.key.endsWith('*') ? key.startsWith(rule.key.slice(0, -1)) : key === rule.key))?.action ??
    null;
  return (key: string): AttributeRule['action'] | null => {
    const before = known.get(key);
    if (before !== undefined) return before;
    const action = find(key);
    // Bots say the same few keys; whoever says others only fills this to its bound.
    if (known.size >= keysKnownMax) known.clear();
    known.set(key, action);
    return action;
  };
};
const keysKnownMax = 4_096;
