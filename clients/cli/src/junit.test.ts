import { expect, test } from 'vitest';
import { junit } from './junit.ts';

test('counts, names, and says why; what XML cannot hold is replaced', () => {
  const cases = [
    { name: 'a & <b>', seconds: 0.0123, failures: [] },
    { name: 'c', seconds: 1, failures: ['x "is"\nviolated', 'bell \u0007 and \ud800 half'] },
  ];
  expect(junit([{ name: 'house', file: 'f.yaml', cases }])).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="2" failures="1" errors="0" time="1.012">
  <testsuite name="house" file="f.yaml" tests="2" failures="1" errors="0" time="1.012">
    <testcase name="a &amp; &lt;b&gt;" classname="house" time="0.012"/>
    <testcase name="c" classname="house" time="1.000">
      <failure message="x &quot;is&quot;&#10;violated">x &quot;is&quot;&#10;violated&#10;bell \ufffd and \ufffd half</failure>
    </testcase>
  </testsuite>
</testsuites>
`);
});
