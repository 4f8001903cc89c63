// Looking for secrets by bytes misses none that looking through the text would find.
import { secretFormOf } from '@molthub/contracts';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { redact } from '../redact.ts';
import { createWriter, written } from './byte-writer.ts';
import { writeText } from './write-text.ts';

const body = 'Ab3dEf6hIj9kLm2nOp5qRs8tUv1wXy4zAb3dEf6hIj9k';
const secrets = [
  `sk-${body}`,
  `sk_live_${body}`,
  `rk_test_${body}`,
  `ghp_${body}`,
  `github_pat_${body}`,
  `glpat-${body}`,
  `xoxb-${body}`,
  `xoxz-${body}`,
  `xapp-${body}`,
  'AKIAIOSFODNN7EXAMPLE',
  'ASIAIOSFODNN7EXAMPLE',
  `AIza${body}`,
  `npm_${body}`,
  `hf_${body}`,
  `SG.${body}.${body}`,
  `whsec_${body}`,
  `mh_0123456789abcdef_${body.slice(0, 43)}`,
  `mhb_${body.slice(0, 43)}`,
  `123456789:AA${body}`,
  `bot123456789:AA${body}`,
  `M${body.slice(0, 25)}.Ab3dEf.${body}`,
  `eyJ${body}.eyJ${body}.${body}`,
  `Bearer ${body}`,
  `-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n${body}\n-----END RSA PRIVATE KEY-----`,
  `-----BEGIN PRIVATE KEY-----\n${body}`,
  `postgres://user:${body}@host/db`,
];

const stored = (text: string): string => {
  const out = createWriter(16);
  const bytes = Buffer.from(text);
  writeText(out, bytes, 0, bytes.length, 100_000, { redaction: {}, closely: false, cut: 0 });
  return String(JSON.parse(written(out).toString()));
};

test.each(secrets)('%s is hidden wherever it stands in a text', (secret) => {
  for (const text of [secret, `use ${secret} now`, `a="${secret}"`, `é\n${secret}\t`, `x=${secret},${secret}`]) {
    expect(stored(text)).not.toContain(body.slice(4, 12));
    expect(stored(text)).not.toContain('IOSFODNN7EXAMPLE');
    expect(stored(text)).toContain('[redacted]');
    expect(secretFormOf(stored(text).replaceAll('[redacted]', ''))).toBeNull();
  }
});

test('whatever the text, its bytes and its characters come to the same', () => {
  const piece = fc.oneof(
    fc.constantFrom(...secrets),
    fc.constantFrom('password', 'X-Api-Key', 'TOKEN', '--secret', 'Cookie', '=', "'", '\\', ']', '[', ',', 'x1y2z3'),
    fc.constantFrom('sk', 'xox', '_', '-', '.', ':', '@', '://', 'AA', 'eyJ', ' ', '"', '\n', body, 'Bearer '),
    fc.string({ unit: 'binary', maxLength: 8 }),
  );
  const text = fc
    .tuple(fc.array(piece, { maxLength: 6 }), fc.nat({ max: 40 }), fc.nat({ max: 40 }))
    .map(([pieces, from, to]) =>
      pieces
        .join('')
        .slice(from, -to || undefined)
        .toWellFormed(),
    );
  let hidden = 0;
  fc.assert(
    fc.property(text, (said) => {
      const clean = redact(said);
      if (clean !== said) hidden += 1;
      expect(stored(said)).toBe(clean.replaceAll('\0', ''));
    }),
    { numRuns: 20_000 },
  );
  expect(hidden).toBeGreaterThan(1_000);
});

test('looking through a text takes time in proportion to its length', () => {
  const spent = (text: string) => {
    const before = process.cpuUsage();
    redact(text);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1_000;
  };
  for (const part of [
    '-----BEGIN PRIVATE KEY',
    '://a:b',
    'eyJaaaaaaaaa.',
    '123456:AA',
    'M.',
    '-----BEGIN AAAAAAA ',
    '@',
  ]) {
    const text = part.repeat(Math.ceil(300_000 / part.length));
    expect(Math.min(spent(text), spent(text), spent(text)), part).toBeLessThan(50);
  }
});
