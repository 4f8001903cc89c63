import { expect, test } from 'vitest';
import { isUnavailable } from './fault.ts';

test.each(['57P01', '53300', '25006', '28P01', '3D000', 'ECONNREFUSED', 'EAI_AGAIN', 'EHOSTUNREACH'])(
  '%s is the fault of a server or of the way to it',
  (code) => expect(isUnavailable(Object.assign(new Error('it'), { code }))).toBe(true),
);

test.each(['23505', '22P05', '42P01', ''])('%s is the fault of what was asked', (code) =>
  expect(isUnavailable(Object.assign(new Error('it'), { code }))).toBe(false),
);
