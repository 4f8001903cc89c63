import { expect, test } from 'vitest';
import { fromDeb822, fromOneLine } from './nats-apt.ts';

test('the mirror and its key come from the stanza of the distribution, not of a vendor or the security archive', () => {
  const text = `Types: deb
URIs: https://deb.example.com/vendor
Suites: stable
Signed-By: /usr/share/keyrings/vendor.gpg

Types: deb
URIs: http://mirror.example.org/debian-security
Suites: bookworm-security

Types: deb
URIs: http://mirror.example.org/debian/
Suites: bookworm
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`;
  expect(fromDeb822(text, 'debian')).toEqual({
    uri: 'http://mirror.example.org/debian/',
    signedBy: '/usr/share/keyrings/debian-archive-keyring.gpg',
  });
  expect(fromDeb822(text, 'ubuntu')).toBeNull();
});

test('a disabled stanza and a commented line name no mirror', () => {
  expect(fromDeb822('Enabled: no\nURIs: http://mirror.example.org/debian\n', 'debian')).toBeNull();
  expect(fromOneLine('# deb http://mirror.example.org/debian bookworm main', 'debian')).toBeNull();
});

test('the one-line form is read with and without options', () => {
  const plain = 'deb http://mirror.example.org/ubuntu noble universe';
  expect(fromOneLine(plain, 'ubuntu')).toEqual({ uri: 'http://mirror.example.org/ubuntu', signedBy: null });
  const signed = 'deb [arch=amd64 signed-by=/k.gpg] http://mirror.example.org/debian sid main';
  expect(fromOneLine(signed, 'debian')).toEqual({ uri: 'http://mirror.example.org/debian', signedBy: '/k.gpg' });
});
