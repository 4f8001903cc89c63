// `node services/policy/src/rule-reference.ts` writes the reference of rule types into docs/policy.md, from the very
// schemas that check their parameters.
import { readFileSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { builtinPacks } from './builtin-packs.ts';
import { ruleTypes } from './rules/registry.ts';
import type { RuleType } from './rules/rule-type.ts';

const page = new URL('../../../docs/policy.md', import.meta.url);
const begin = '<!-- What follows is written by services/policy/src/rule-reference.ts. -->\n';

/** The page as it must be: what people wrote, then what is generated. */
export const referencePage = (): { readonly present: string; readonly wanted: string } => {
  const present = readFileSync(page, 'utf8');
  const [written = ''] = present.split(begin);
  return { present, wanted: `${written}${begin}\n${packsText()}\n${typesText()}` };
};

const packsText = (): string => {
  const rows = builtinPacks.flatMap((pack) =>
    pack.rules.map((rule, index) => {
      const where = pack.targetEnvironments.join(', ') || 'everywhere';
      const how = `${pack.autoApply ? 'by itself' : 'where a manifest includes it'}${pack.isEnforced ? ', enforced' : ''}`;
      const first = index === 0 ? `\`${pack.id}\` (${where}; ${how}; priority ${pack.priority})` : '';
      const may = rule.allowOverride ? ', may be overridden' : '';
      return `| ${first} | \`${rule.id}\` | \`${rule.type}\`${configText(rule.config)} | ${rule.severity}${may} |`;
    }),
  );
  return [
    '## The packs that come with Molthub\n',
    '| pack | rule | type | severity |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
};

const configText = (config: unknown): string => {
  const text = JSON.stringify(config);
  return text === '{}' ? '' : ` \`${text}\``;
};

const typesText = (): string => ['## Rule types\n', ...[...ruleTypes.values()].map(typeText)].join('\n');

const typeText = ({ type, about, parameters }: RuleType): string => {
  const head = `### \`${type}\`\n\n${about}\n`;
  const rows = parametersOf(parameters);
  if (rows.length === 0) return head;
  return [head, '| parameter | form | default | |', '|---|---|---|---|', ...rows, ''].join('\n');
};

const Property = z.looseObject({ default: z.unknown().optional(), description: z.string().optional() });
const Schema = z.looseObject({
  properties: z.record(z.string(), Property).default({}),
  required: z.array(z.string()).default([]),
});

const parametersOf = (parameters: z.ZodObject): readonly string[] => {
  const { properties, required } = Schema.parse(z.toJSONSchema(parameters, { io: 'input', unrepresentable: 'any' }));
  return Object.entries(properties).map(([name, property]) => {
    const fallback =
      property.default === undefined ? (required.includes(name) ? 'required' : '') : shown(property.default);
    return `| \`${name}\` | ${formOf(property)} | ${fallback} | ${property.description ?? ''} |`;
  });
};

const shown = (value: unknown): string => `\`${JSON.stringify(value)}\``;

const Form = z.looseObject({
  type: z.string().optional(),
  enum: z.array(z.string()).optional(),
  items: z.unknown().optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
});

const formOf = (schema: unknown): string => {
  const { type, enum: words, items, minimum, maximum } = Form.parse(schema);
  if (words) return words.map((word) => `\`${word}\``).join(' ');
  if (type === 'array') return `list of ${formOf(items)}`;
  const bounds = [
    ...(minimum === undefined || minimum < -1e9 ? [] : [`from ${minimum}`]),
    ...(maximum === undefined || maximum > 1e9 ? [] : [`to ${maximum}`]),
  ];
  return [type === 'object' ? 'JSON object' : (type ?? 'any'), ...bounds].join(' ');
};

if (import.meta.main) writeFileSync(page, referencePage().wanted);
