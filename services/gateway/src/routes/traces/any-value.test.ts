import { expect, test } from 'vitest';
import { plainValue, readAttributes } from './any-value.ts';

test.each([
  ['"a"', { stringValue: 'a' }, 'a'],
  ['true', { boolValue: true }, true],
  ['1', { intValue: '1' }, 1],
  ['1.0', { doubleValue: 1 }, 1],
  ['-1.5e-7', { doubleValue: -1.5e-7 }, -1.5e-7],
  ['9223372036854775807', { intValue: '9223372036854775807' }, '9223372036854775807'],
  ['-9223372036854775808', { intValue: '-9223372036854775808' }, '-9223372036854775808'],
  ['100000000000000000000', { doubleValue: 1e20 }, 1e20],
  ['null', {}, null],
  [
    '[1,"b",[]]',
    { arrayValue: { values: [{ intValue: '1' }, { stringValue: 'b' }, { arrayValue: { values: [] } }] } },
    [1, 'b', []],
  ],
  [
    '{"k":{"l":false}}',
    {
      kvlistValue: {
        values: [{ key: 'k', value: { kvlistValue: { values: [{ key: 'l', value: { boolValue: false } }] } } }],
      },
    },
    { k: { l: false } },
  ],
  ['{}', { kvlistValue: { values: [] } }, {}],
  ['{"otlp:bytes":"AQI="}', { bytesValue: 'AQI=' }, 'AQI='],
  ['{"otlp:double":"NaN"}', { doubleValue: 'NaN' }, 'NaN'],
  [
    '{"otlp:double":"NaN","more":1}',
    expect.objectContaining({ kvlistValue: expect.anything() }),
    { 'otlp:double': 'NaN', more: 1 },
  ],
])('%s keeps its type', (json, typed, plain) => {
  const [attribute] = readAttributes(`{"key":${json}}`);
  expect(attribute).toEqual({ key: 'key', value: typed });
  expect(attribute && plainValue(attribute.value)).toEqual(plain);
});

test('keys are only keys', () => {
  expect(readAttributes('{"__proto__":{"a":1},"constructor":2}').map(({ key }) => key)).toEqual([
    '__proto__',
    'constructor',
  ]);
});
