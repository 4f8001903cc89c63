import fc from 'fast-check';
import { expect, test } from 'vitest';
import { commandSubject, eventFilter, eventSubject, ownerOf, replySubject, wakeSubject } from './subject.ts';

/** What nats-server would read as something else than one literal token: dots, wildcards, spaces, control characters. */
const isLiteral = (subject: string) => /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/.test(subject);
const tokenish = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.stringMatching(/^[a-z0-9_.*> -]{0,8}$/),
  fc.constantFrom('*', '>', '', '.', 'a.b', 'a b', 'a\n', '\u0000', 'A', 'é', '_x', '-x'),
);
const grammar = /^[a-z0-9][a-z0-9_-]*$/;

test('a workspace that is not one token of the grammar makes no subject, and one that is stays itself', () => {
  fc.assert(
    fc.property(tokenish, (workspace) => {
      for (const build of [eventSubject, commandSubject]) {
        if (!grammar.test(workspace) || workspace.endsWith('\n')) {
          expect(() => build(workspace, 'config.fleet.created.v1')).toThrow('cannot be a part of a subject');
        } else expect(build(workspace, 'config.fleet.created.v1').split('.')[1]).toBe(workspace);
      }
    }),
    { numRuns: 2_000 },
  );
});

test('whatever the parts are, what is built is a literal subject with as many tokens as it was given', () => {
  fc.assert(
    fc.property(fc.array(tokenish, { minLength: 1, maxLength: 5 }), tokenish, (type, id) => {
      const built = [
        () => eventSubject('default', type.join('.')),
        () => commandSubject('default', type.join('.')),
        () => replySubject(type[0] ?? '', id),
      ].flatMap((build) => {
        try {
          return [build()];
        } catch (error) {
          expect(String(error)).toContain('cannot be a part of a subject');
          return [];
        }
      });
      for (const subject of built) expect(isLiteral(subject)).toBe(true);
    }),
    { numRuns: 2_000 },
  );
});

test('a filter takes every workspace and every major version of its type, and nothing else', () => {
  expect(eventFilter('config.fleet.created.v1')).toBe('evt.*.config.fleet.created.*');
  expect(() => eventFilter('config.*.created.v1')).toThrow('cannot be a part of a subject');
  expect(wakeSubject('config')).toBe('wake.config');
});

test('a type belongs to the service of its first word', () => {
  expect(ownerOf('trace.window.summarized.v1')).toBe('trace');
  expect(() => ownerOf('configuration.fleet.created.v1')).toThrow('belongs to no service');
});
