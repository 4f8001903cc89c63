// `node services/policy/src/rules/conformance-reference.ts` writes docs/policy-conformance.md: which public tests of CEL
// and of JSON Schema our rules pass, and by name those that they refuse.
import { readFileSync, writeFileSync } from 'node:fs';
import { celConformance } from './cel-conformance.ts';
import type { ConformanceCase } from './conformance-case.ts';
import { schemaConformance } from './schema-conformance.ts';

const page = new URL('../../../../docs/policy-conformance.md', import.meta.url);

type Suites = { readonly cel: readonly ConformanceCase[]; readonly schema: readonly ConformanceCase[] };

/** The page as it stands, and as the suites say it must. */
export const conformancePage = ({ cel, schema }: Suites): { readonly present: string; readonly wanted: string } => ({
  present: readFileSync(page, 'utf8'),
  wanted: [head, celText(cel), schemaText(schema)].join('\n'),
});

const head = `# What rules pass of the public tests

Written by \`services/policy/src/rules/conformance-reference.ts\`; a test compares it with what the suites say. No test of
either suite is answered wrongly. What we cannot do is refused, when the pack is saved or for want of an answer, and so
never passes; it is listed here by name.
`;

const count = (cases: readonly ConformanceCase[], outcome: ConformanceCase['outcome']): number =>
  cases.filter((one) => one.outcome === outcome).length;

const celText = (cases: readonly ConformanceCase[]): string => {
  const ours = cases.filter(({ applies }) => applies);
  const others = cases.length - ours.length;
  const sections = [...new Set(cases.map(({ section }) => section))].toSorted();
  const rows = sections.map((name) => {
    const here = ours.filter(({ section }) => section === name);
    const beside = cases.filter(({ section, applies }) => section === name && !applies).length;
    return `| ${name} | ${count(here, 'passes')} | ${count(here, 'refuses')} | ${beside} |`;
  });
  return `## \`cel\`

CEL's conformance tests (${cases.length}). ${ours.length} are about the language and about values that JSON has: ${count(ours, 'passes')} pass. The
other ${others} are about protobuf messages and enums, wrappers, bytes, times, containers of names, or libraries beside the
language, which rules do not have.

| file | pass | refused | not about JSON |
|---|---|---|---|
${rows.join('\n')}

Refused, of those that are about JSON:

${refusedText(ours)}
`;
};

const schemaText = (cases: readonly ConformanceCase[]): string => `## \`custom_json_schema\`

The required tests of the JSON Schema Test Suite for 2020-12 (${cases.length}): ${count(cases, 'passes')} pass.
Refused:

${refusedText(cases)}
`;

/** One line each group, since all tests of one schema are refused with it. */
const refusedText = (cases: readonly ConformanceCase[]): string => {
  const refused = new Map(cases.filter(({ outcome }) => outcome === 'refuses').map(({ group, said }) => [group, said]));
  return [...refused].map(([group, said]) => `- ${plain(group)} — ${plain(said)}`).join('\n');
};

/** Text that Markdown leaves alone. */
const plain = (text: string): string => `\`${text.replaceAll('`', "'").replaceAll('\n', ' ').slice(0, 160)}\``;

if (import.meta.main) {
  writeFileSync(page, conformancePage({ cel: celConformance(), schema: schemaConformance() }).wanted);
}
