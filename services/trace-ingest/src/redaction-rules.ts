// What a fleet wants taken out of its telemetry, on top of what looks like a secret: attributes by key, texts by pattern.
import { createHash } from 'node:crypto';
import type { AttributeRule, FleetTelemetry } from '@molthub/contracts';
import type { Attributes, Value, WireSpan, WireSurroundings } from './otlp/wire-span.ts';
import { compilePatterns, hidden } from './redaction-patterns.ts';

/** The rules of one fleet; `begin` for each request, whose work is bounded. */
export type Rules = { readonly begin: () => Redactor };
export type Redactor = {
  readonly span: (span: WireSpan) => WireSpan;
  readonly around: (around: WireSurroundings) => WireSurroundings;
  readonly attributes: (attributes: Attributes) => Attributes;
  readonly text: (text: string) => string;
  readonly actionOf: (key: string) => AttributeRule['action'] | null;
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
      const value = (given: Value): Value => {
        if (typeof given === 'string') return text(given);
        if (typeof given !== 'object' || given === null || Buffer.isBuffer(given)) return given;
        return isList(given) ? given.map(value) : attributes(given);
      };
      const attributes = (given: Attributes): Attributes => {
        const left = new Map<string, Value>();
        for (const [key, held] of given) {
          const action = ruleOf(key);
          if (action === 'drop') continue;
          const shown = action === 'mask' ? hidden : action === 'hash' ? hashOf(fleetId, held) : value(held);
          left.set(text(key), shown);
        }
        return left;
      };
      const arounds = new WeakMap<WireSurroundings, WireSurroundings>();
      return {
        attributes,
        text,
        actionOf: ruleOf,
        span: (span) => ({
          ...span,
          name: text(span.name),
          statusMessage: text(span.statusMessage),
          attributes: attributes(span.attributes),
          events: span.events.map((event) => ({
            ...event,
            name: text(event.name),
            attributes: attributes(event.attributes),
          })),
          links: span.links.map((link) => ({ ...link, attributes: attributes(link.attributes) })),
        }),
        // One object for all spans of a scope, as it came: it is written once.
        around: (around) => {
          const known = arounds.get(around);
          if (known) return known;
          const redacted = { ...around, resource: attributes(around.resource), scope: text(around.scope) };
          arounds.set(around, redacted);
          return redacted;
        },
      };
    },
  };
};

const isList = (value: readonly Value[] | Attributes): value is readonly Value[] => Array.isArray(value);

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

/** Equal values of a fleet have equal hashes, and those of other fleets others. Whoever can guess a value can check it. */
const hashOf = (fleetId: string, value: Value): string =>
  `sha256:${createHash('sha256')
    .update(`${fleetId} ${plain(value)}`)
    .digest('hex')
    .slice(0, 32)}`;

const plain = (value: Value): string => {
  if (typeof value !== 'object' || value === null) return String(value);
  if (Buffer.isBuffer(value)) return value.toString('base64');
  if (isList(value)) return JSON.stringify(value.map(plain));
  return JSON.stringify([...value].map(([key, held]) => [key, plain(held)]));
};
