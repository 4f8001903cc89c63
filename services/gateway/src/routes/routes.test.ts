import { allows, permissions, roles } from '@molthub/contracts';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { openApiText } from '../openapi.ts';
import { pathOf } from '../openapi-document.ts';
import { authorize, type Principal } from '../principal.ts';
import { allRoutes } from './index.ts';

const rows = allRoutes(() => {
  throw new Error('No ticket is made here.');
});

const principal = (role: Principal['role'], scopes: readonly string[] = []): Principal => ({
  keyId: '',
  name: '',
  role,
  scopes,
  fleetIds: [],
  workspace: 'default',
  expiresAt: null,
});

const may = (role: Principal['role'], scopes: readonly string[], permission: keyof typeof permissions): boolean => {
  try {
    authorize(principal(role, scopes), permission);
    return true;
  } catch {
    return false;
  }
};

describe('sec-001: every route × role', () => {
  for (const row of rows) {
    const { permission } = row;
    if (permission === 'none' || permission === 'any-key') continue;
    test(`${row.method} ${row.path} needs ${permission}`, () => {
      const lowest = roles.indexOf(permissions[permission]);
      for (const role of roles) {
        expect(may(role, [], permission), role).toBe(roles.indexOf(role) <= lowest);
        expect(may(role, ['target:read'], permission), `${role} with another scope`).toBe(
          allows(role, ['target:read'], permission),
        );
      }
    });
  }
});

test('sec-003: a verb that changes something needs more than reading it, and a viewer may none', () => {
  const harmless = new Set([
    '/manifests/validate',
    '/policy-packs/evaluate',
    '/events/tickets',
    '/change-sets/:id/simulate',
  ]);
  for (const row of rows) {
    if (row.method === 'GET' || harmless.has(row.path) || row.permission === 'none' || row.permission === 'any-key')
      continue;
    expect(may('VIEWER', [], row.permission), `${row.method} ${row.path}`).toBe(false);
    expect(row.permission).not.toMatch(/:read$/);
  }
});

test('no key is needed for exactly the three that say how the installation is', () => {
  expect(rows.filter((row) => row.permission === 'none').map((row) => row.path)).toEqual([
    '/livez',
    '/readyz',
    '/metrics',
  ]);
});

test('sec-049: the rows are the operations of the document, each once', () => {
  const Document = z.object({
    paths: z.record(z.string(), z.record(z.string(), z.object({ operationId: z.string() }))),
  });
  const { paths } = Document.parse(JSON.parse(openApiText()));
  const documented = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((m) => `${m} ${path}`),
  );
  const served = rows.map((row) => `${row.method.toLowerCase()} ${pathOf(row).replace(/:(\w+)/g, '{$1}')}`);
  expect(documented.toSorted()).toEqual(served.toSorted());
  expect(new Set(served).size).toBe(served.length);
  const ids = Object.values(paths).flatMap((methods) => Object.values(methods).map((o) => o.operationId));
  expect(new Set(ids).size).toBe(ids.length);
});

test('the document says what fields are, and writes paths as it does itself', () => {
  const text = openApiText();
  expect(text).toContain('Default: now. At most five minutes ahead.');
  expect(text.match(/\/:[a-zA-Z]+/g)).toBeNull();
});

test('the document refers to nothing that is not in it', () => {
  const text = openApiText();
  const Document = z.object({ components: z.object({ schemas: z.record(z.string(), z.unknown()) }) });
  const { schemas } = Document.parse(JSON.parse(text)).components;
  const references = [...text.matchAll(/"\$ref": "([^"]+)"/g)].map(([, reference = '']) => reference);
  expect(references.length).toBeGreaterThan(0);
  for (const reference of references) {
    expect(reference).toMatch(/^#\/components\/schemas\/\w+$/);
    expect(Object.keys(schemas)).toContain(reference.slice('#/components/schemas/'.length));
  }
});

describe('sec-008, sec-009: what is not declared is refused', () => {
  const id = '5b7c1d0e-8f5d-4a7e-9a56-1f2a3b4c5d6e';
  const withId = rows.filter((row) => row.path.includes('/:id') && row.permission !== 'none');

  test.each(['*', 'null', 'undefined', '0', '../../etc', '\u0000', '%00', `${id}x`, id.replaceAll('-', '')])(
    'the id %j is 400 on every route',
    (wrong) => {
      for (const row of withId) {
        expect(
          () => row.prepare({ params: { id: wrong, version: '1' }, query: {}, body: undefined }),
          row.path,
        ).toThrow(/The path is not as expected: id: /);
      }
    },
  );

  test('fields that decide about rights are no fields of any body', () => {
    for (const row of rows) {
      if (!row.body || row.status === 405) continue;
      for (const field of ['workspace', 'workspaceSlug', 'permissions', 'sso', 'version', 'actor', 'health', 'id']) {
        const shape = z.toJSONSchema(row.body, { io: 'input', unrepresentable: 'any' });
        expect(Object.keys(shape.properties ?? {}), `${row.method} ${row.path}`).not.toContain(field);
        expect(row.body.safeParse({ [field]: 'x' }).success, `${row.method} ${row.path} ${field}`).toBe(false);
      }
    }
  });

  test('sec-058: sort, limit and filters are from closed lists', () => {
    const lists = rows.filter((row) => 'cursor' in row.query.shape);
    expect(lists.length).toBeGreaterThanOrEqual(9);
    for (const row of lists) {
      for (const query of [
        { sort: '(select pg_sleep(5))' },
        { sort: '-id;--' },
        { sort: 'constructor' },
        { limit: '0' },
        { limit: '501' },
        { limit: '1e2' },
        { limit: ['1', '2'] },
        { nosuch: '1' },
      ]) {
        expect(row.query.safeParse(query).success, `${row.path} ${JSON.stringify(query)}`).toBe(false);
      }
      expect(row.query.safeParse({ limit: '500' }).success, row.path).toBe(true);
    }
  });
});
