// The permission table: what each role may do. One place for HTTP, WebSocket and every later door.
import { z } from 'zod';

export const roles = ['OWNER', 'ADMIN', 'OPERATOR', 'VIEWER'] as const;
export const Role = z.enum(roles);
export type Role = z.infer<typeof Role>;

/** The lowest role that may do each thing; a higher role may do all a lower one may. */
export const permissions = {
  'workspace:read': 'VIEWER',
  'workspace:create': 'OWNER',
  'workspace:update': 'ADMIN',
  'fleet:read': 'VIEWER',
  'fleet:create': 'ADMIN',
  'fleet:update': 'ADMIN',
  'fleet:delete': 'ADMIN',
  'fleet:reconcile': 'OPERATOR',
  'bot:read': 'VIEWER',
  'bot:create': 'OPERATOR',
  'bot:update': 'OPERATOR',
  'bot:delete': 'OPERATOR',
  'bot:restart': 'OPERATOR',
  'bot:pause': 'OPERATOR',
  'bot:resume': 'OPERATOR',
  'bot:stop': 'OPERATOR',
  'bot:start': 'OPERATOR',
  'bot:reconcile': 'OPERATOR',
  'bot:rollback': 'OPERATOR',
  'bot:logs': 'OPERATOR',
  'bot:doctor': 'OPERATOR',
  'manifest:read': 'VIEWER',
  'manifest:propose': 'OPERATOR',
  'manifest:validate': 'VIEWER',
  'template:read': 'VIEWER',
  'template:create': 'ADMIN',
  'template:update': 'ADMIN',
  'template:delete': 'ADMIN',
  'template:preview': 'OPERATOR',
  'profile:read': 'VIEWER',
  'profile:create': 'ADMIN',
  'profile:update': 'ADMIN',
  'profile:delete': 'ADMIN',
  'overlay:read': 'VIEWER',
  'overlay:create': 'ADMIN',
  'overlay:update': 'ADMIN',
  'overlay:delete': 'ADMIN',
  'policy:read': 'VIEWER',
  'policy:evaluate': 'VIEWER',
  'policy:create': 'ADMIN',
  'policy:update': 'ADMIN',
  'policy:delete': 'ADMIN',
  'policy:dry-run': 'OPERATOR',
  'policy:waive': 'ADMIN',
  'change-set:read': 'VIEWER',
  'change-set:create': 'OPERATOR',
  'change-set:start': 'OPERATOR',
  'change-set:abort': 'OPERATOR',
  'change-set:rollback': 'OPERATOR',
  'change-set:approve': 'OPERATOR',
  'change-set:pause': 'OPERATOR',
  'change-set:promote': 'OPERATOR',
  'change-set:skip-analysis': 'ADMIN',
  'change-set:end': 'OPERATOR',
  'hold:read': 'VIEWER',
  'hold:lift': 'OPERATOR',
  'pin:read': 'VIEWER',
  'pin:create': 'OPERATOR',
  'pin:delete': 'OPERATOR',
  'health:read': 'VIEWER',
  'health:repair': 'OPERATOR',
  'dashboard:read': 'VIEWER',
  'target:read': 'VIEWER',
  'trace:read': 'VIEWER',
  'trace:content': 'OPERATOR',
  'trace:create': 'OPERATOR',
  'price:read': 'VIEWER',
  'price:update': 'ADMIN',
  'ingest-token:create': 'OPERATOR',
  'event:read': 'VIEWER',
  'audit:read': 'ADMIN',
  'api-key:read': 'ADMIN',
  'api-key:create': 'ADMIN',
  'api-key:revoke': 'ADMIN',
  'operation:read': 'VIEWER',
  'parked:read': 'ADMIN',
  'parked:retry': 'OWNER',
  'parked:drop': 'OWNER',
  'projection:read': 'ADMIN',
  'projection:rebuild': 'OWNER',
  'bus:republish': 'OWNER',
} as const satisfies Record<string, Role>;

export type Permission = keyof typeof permissions;

const names = Object.keys(permissions);
/** A key's scope: one permission, or all of a resource (`bot:*`). An empty list of scopes means all of the role. */
export const Scope = z
  .string()
  .refine((scope) => names.includes(scope) || names.some((name) => scope === `${name.split(':')[0]}:*`), {
    message: 'no such permission; use one such as bot:read, or bot:* for all of a resource',
  });

/** Whether a role, narrowed by a key's scopes, may do something. */
export const allows = (role: Role, scopes: readonly string[], permission: Permission): boolean => {
  const reaches = roles.indexOf(role) <= roles.indexOf(permissions[permission]);
  const resource = permission.slice(0, permission.indexOf(':'));
  return reaches && (scopes.length === 0 || scopes.includes(permission) || scopes.includes(`${resource}:*`));
};
