// Names tell secrets inside of texts, and prose stays prose.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { isSecretOption } from './named-secrets.ts';
import { redact } from './redact.ts';

test.each([
  ['password=hunter2', 'password=[redacted]'],
  ['login with password=hunter2, then go', 'login with password=[redacted], then go'],
  ['GET /x?access_token=abc&page=2', 'GET /x?access_token=[redacted]&page=2'],
  ['https://example.org/?page=2&api_key=abc#top', 'https://example.org/?page=2&api_key=[redacted]'],
  ['DB_PASSWORD=abc docker run', 'DB_PASSWORD=[redacted] docker run'],
  ['host=db;password=abc;user=ada', 'host=db;password=[redacted];user=ada'],
  ['user[password]=abc&x=1', 'user[password]=[redacted]&x=1'],
  ['sent Authorization: Bearer abc123 to it', 'sent Authorization: Bearer [redacted] to it'],
  ['Authorization: Basic dXNlcjpwYXNz', 'Authorization: Basic [redacted]'],
  ["curl -H 'X-Api-Key: abc123' host", "curl -H 'X-Api-Key: [redacted]' host"],
  ['Cookie: session=abc; theme=dark\nAccept: */*', 'Cookie: [redacted]\nAccept: */*'],
  ['{"apiKey":"a b c","role":"user"}', '{"apiKey":"[redacted]","role":"user"}'],
  ['{"apiKey" : "a\\"b","role":"user"}', '{"apiKey" : "[redacted]","role":"user"}'],
  ['{"password":12345}', '{"password":"[redacted]"}'],
  ['{"Authorization":["Basic x", "y"],"z":["a"]}', '{"Authorization":["[redacted]", "[redacted]"],"z":["a"]}'],
  ['{"body":"{\\"token\\":\\"abc\\",\\"a\\":1}"}', '{"body":"{\\"token\\":\\"[redacted]\\",\\"a\\":1}"}'],
  ["{'secret': 'abc', 'a': 'b'}", "{'secret': '[redacted]', 'a': 'b'}"],
  ["token => 'abc', other => 'b'", "token => '[redacted]', other => 'b'"],
  ['client_secret := "abc"', 'client_secret := "[redacted]"'],
  ['password: hunter2\nuser: ada', 'password: [redacted]\nuser: ada'],
  ['password = hunter2', 'password = [redacted]'],
  ['tool --token x --verbose', 'tool --token [redacted] --verbose'],
  ['tool --token=x --verbose', 'tool --token=[redacted] --verbose'],
  ['tool --db-password "x y" z', 'tool --db-password "[redacted]" z'],
  ['["tool","--api-key","x","-v"]', '["tool","--api-key","[redacted]","-v"]'],
  ['password="abc', 'password="[redacted]'],
  [`api_key=sk-${'a'.repeat(20)}!tail`, 'api_key=[redacted]'],
])('%s', (text, shown) => {
  expect(redact(text)).toBe(shown);
});

test.each([
  'the password is required',
  'Invalid password: must have at least 8 characters.',
  'Authorization: required',
  'The token: a short story. Unexpected token: }',
  'token: 128000, max tokens: 4096, total_tokens=12',
  'the --token option is required, and "--password" must be set',
  '--token --verbose',
  'if (token === null || password != other) return token == x;',
  'const token = getToken(); const key = "a"; key=value',
  'password=${DB_PASSWORD} token=$TOKEN {"token":null,"secret":true} password= token=""',
  'password=[redacted], {"apiKey":"[redacted]"}, --token [redacted]',
  'type Login = { password: string; token: Token }',
  '{"properties":{"password":{"type":"string"}},"required":["password"]}',
  'token: https://example.org/how-to-get-a-token',
  'secretary=ada, tokenizer=bpe, primaryKey: id, monkey=7',
])('stays: %s', (text) => {
  expect(redact(text)).toBe(text);
});

test.each(['--token', '--db-password', '--api-key'])('%s makes the next item of a list a secret', (item) => {
  expect(isSecretOption(item)).toBe(true);
});
test.each(['--token=x', '-v', '--verbose', 'token', '--the token'])('%s does not', (item) => {
  expect(isSecretOption(item)).toBe(false);
});

test('what was hidden once stays as it is', () => {
  const piece = fc.oneof(
    fc.constantFrom('password', 'apiKey', '--token', 'Cookie', 'Authorization', 'Basic', '[redacted]', 'hunter2'),
    fc.constantFrom('=', ':', ' ', '"', "'", '\\', '[', ']', '{', ',', '\n', '&', '>', '-'),
    fc.string({ maxLength: 4 }),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const once = redact(pieces.join(''));
      expect(redact(once)).toBe(once);
    }),
    { numRuns: 20_000 },
  );
});

test('the time is linear in the text, whatever it says', () => {
  const spent = (text: string) => {
    const before = process.cpuUsage();
    redact(text);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1_000;
  };
  for (const part of [
    'token=',
    'token=$',
    'token={',
    'token=%',
    'token: a://',
    'token:',
    'cookie: ',
    'cookie:a ',
    '"token":[',
    '"token":["a",',
    'token="\n',
    "token='",
    'token = a(',
    '--token ',
    '--token,',
    '--token "',
    'authorization: basic ',
    'token\\\\\\\\"',
    'aaaaaaaaaaaaaaaakey=',
    'token=[  ',
  ]) {
    const text = part.repeat(Math.ceil(300_000 / part.length));
    expect(Math.min(spent(text), spent(text), spent(text)), part).toBeLessThan(100);
  }
});
