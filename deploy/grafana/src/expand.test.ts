import { describe, expect, test } from 'vitest';
import { type Asked, expand } from './expand.ts';

const asked: Asked = {
  from: new Date('2026-11-20T06:00:00Z'),
  to: new Date('2026-11-20T12:00:00Z'),
  variables: { workspace: { one: "o'hara" }, fleet: { of: ["o'hara", 'two'] }, bot: { all: "'0'" } },
};
const days = (count: number): Asked => ({ ...asked, from: new Date(asked.to.getTime() - count * 86_400_000) });

describe('variables become what Grafana makes of them', () => {
  test.each([
    ['one value is text, its quotes doubled', "w = '$workspace'", "w = 'o''hara'"],
    ['some values are literals', 'f in ($fleet)', "f in ('o''hara','two')"],
    ['a custom value of All stands as it was written', 'b in ($bot)', "b in ('0')"],
    ['braces are alike', "w = '${workspace}'", "w = 'o''hara'"],
    ['what is no variable stays', 'select $1', 'select $1'],
  ])('%s', (_, sql, expanded) => expect(expand(sql, asked)).toBe(expanded));
});

describe('macros become what Grafana makes of them', () => {
  test.each([
    ['$__timeFilter(t)', "t BETWEEN '2026-11-20T06:00:00.000Z' AND '2026-11-20T12:00:00.000Z'"],
    ['$__timeFrom() $__timeTo()', "'2026-11-20T06:00:00.000Z' '2026-11-20T12:00:00.000Z'"],
    ['$__unixEpochFrom() $__unixEpochTo()', '1795154400 1795176000'],
    ['$__timeGroup(t, $__interval) as x', 'floor(extract(epoch from t)/60)*60 as x'],
    ["$__timeGroup(t,'5m'), x", 'floor(extract(epoch from t)/300)*300 AS "time", x'],
    ['$__timeGroupAlias(t, $__interval)', 'floor(extract(epoch from t)/60)*60 AS "time"'],
    ['$__interval_ms', '60000'],
    ['$__time(t)', 't AS "time"'],
  ])('%s', (sql, expanded) => expect(expand(sql, asked)).toBe(expanded));

  test('one that Grafana does not know is an error, as there', () => {
    expect(() => expand('$__never(x)', asked)).toThrow('$__never');
  });
});

test('the interval is the step next to the range by the points', () => {
  const intervals = [1, 2, 7, 30].map((count) => expand('$__interval', days(count)));
  expect(intervals).toEqual(['5m', '10m', '30m', '2h']);
});
