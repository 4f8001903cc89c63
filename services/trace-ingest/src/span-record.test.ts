import { expect, test } from 'vitest';
import { decodeSpans } from './otlp/decode-spans.ts';
import { encode } from './otlp/testing.ts';

const text = (key: string, value: string) => ({ key, value: { stringValue: value } });
const exception = (type: string) => ({ name: 'exception', attributes: [text('exception.type', type)] });
const failed = { status: { code: 2 } };
const recordsOf = async (...spans: readonly object[]) => {
  const sent = spans.map((more, at) => ({
    traceId: Buffer.alloc(16, 7),
    spanId: Buffer.alloc(8, at + 1),
    name: 'work',
    startTimeUnixNano: '1763687640123456789',
    endTimeUnixNano: '1763687641123456790',
    ...more,
  }));
  const body = encode({ resourceSpans: [{ scopeSpans: [{ spans: sent }] }] });
  return (await decodeSpans(body, 'protobuf')).records;
};
const errorTypes = async (...spans: readonly object[]) => (await recordsOf(...spans)).map(({ errorType }) => errorType);

test('the class of an error is what its last exception was, where its attributes name none', async () => {
  const events = [exception('KeyError'), exception('TimeoutError'), { name: 'retry' }];
  expect(await errorTypes({ ...failed, events })).toEqual(['TimeoutError']);
  expect(await errorTypes({ ...failed, events, attributes: [text('error.type', 'timeout')] })).toEqual(['timeout']);
});

test('the class tells errors apart that have no message', async () => {
  const [slow, unknown] = await recordsOf(
    { ...failed, events: [exception('TimeoutError')] },
    { ...failed, events: [exception('KeyError')] },
  );
  expect(slow?.fingerprint).not.toBe(unknown?.fingerprint);
});

test('there is none where it did not fail, or another event says one', async () => {
  const other = { ...exception('KeyError'), name: 'retry' };
  expect(await errorTypes({ events: [exception('KeyError')] }, { ...failed, events: [other] })).toEqual(['', '']);
});
