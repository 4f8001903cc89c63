// Results as JUnit XML, which every CI reads.
export type Suite = { readonly name: string; readonly file: string; readonly cases: readonly CaseResult[] };
/** `failures` is empty where the test passed. */
export type CaseResult = { readonly name: string; readonly seconds: number; readonly failures: readonly string[] };

export const junit = (suites: readonly Suite[]): string => {
  const cases = suites.flatMap((suite) => suite.cases);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${counts(cases)}>`,
    ...suites.flatMap(({ name, file, cases: own }) => [
      `  <testsuite name="${text(name)}" file="${text(file)}" ${counts(own)}>`,
      ...own.flatMap((one) => caseLines(name, one)),
      '  </testsuite>',
    ]),
    '</testsuites>',
    '',
  ].join('\n');
};

const caseLines = (suite: string, { name, seconds, failures }: CaseResult): readonly string[] => {
  const head = `    <testcase name="${text(name)}" classname="${text(suite)}" time="${seconds.toFixed(3)}"`;
  const [first] = failures;
  if (first === undefined) return [`${head}/>`];
  return [
    `${head}>`,
    `      <failure message="${text(first)}">${text(failures.join('\n'))}</failure>`,
    '    </testcase>',
  ];
};

const counts = (cases: readonly CaseResult[]): string => {
  const failed = cases.filter(({ failures }) => failures.length > 0).length;
  const seconds = cases.reduce((sum, one) => sum + one.seconds, 0);
  return `tests="${cases.length}" failures="${failed}" errors="0" time="${seconds.toFixed(3)}"`;
};

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\n': '&#10;',
  '\t': '&#9;',
  '\r': '&#13;',
};

/** XML 1.0 has no other control characters, not even written as references; halves of characters neither. */
const text = (value: string): string =>
  value
    .toWellFormed()
    .replaceAll(/(?![\t\n\r])\p{Cc}|[\ufffe\uffff]/gu, '\ufffd')
    .replaceAll(/[&<>"\n\t\r]/g, (character) => entities[character] ?? '');
