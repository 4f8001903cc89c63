// Who is calling: the key behind `Authorization: Bearer …`, and what it may do. Workspace and role come from nowhere else.
import { type Actor, allows, type Permission, Role } from '@molthub/contracts';
import type { Reads } from '@molthub/event-store';
import { HttpProblem } from '@molthub/http';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import { isSecret, parseKey } from './api-key/secret.ts';

export type Principal = {
  readonly keyId: string;
  readonly name: string;
  readonly role: Role;
  readonly scopes: readonly string[];
  /** Empty: every fleet of the workspace. */
  readonly fleetIds: readonly string[];
  readonly workspace: string;
  /** Null: never. */
  readonly expiresAt: Date | null;
};

export const actorOf = ({ keyId, name }: Principal): Actor => ({ kind: 'api-key', id: keyId, name });

/** The workspace whose people run the installation: they repair services, and its owners make workspaces. */
export const operatorsWorkspace = 'default';
export const isOfInstallation = ({ workspace, fleetIds }: Principal): boolean =>
  workspace === operatorsWorkspace && fleetIds.length === 0;
/** Whether someone reaches beyond their own workspace. */
export const isOperator = (principal: Principal): boolean => isOfInstallation(principal) && principal.role === 'OWNER';

export const unauthenticated = () =>
  new HttpProblem({
    status: 401,
    code: 'gateway.unauthenticated',
    detail: 'Send a valid API key as Authorization: Bearer mh_…',
    headers: { 'www-authenticate': 'Bearer realm="molthub"' },
  });

/** The one place that says who may do what. Throws 403. */
export const authorize = ({ role, scopes }: Principal, permission: Permission): void => {
  if (allows(role, scopes, permission)) return;
  throw forbidden(`This key may not do ${permission}; ask an owner of the workspace for a key that may.`);
};

export const forbidden = (detail: string) => new HttpProblem({ status: 403, code: 'gateway.forbidden', detail });

/** Throws 403 where a key is for some fleets only, and this is not one of them; null is none. */
export const authorizeFleet = ({ fleetIds }: Principal, fleetId: string | null): void => {
  if (fleetIds.length === 0 || (fleetId !== null && fleetIds.includes(fleetId))) return;
  throw forbidden('This key is for other fleets.');
};

const Row = z.object({
  keyId: z.uuid(),
  name: z.string(),
  role: Role,
  scopes: z.array(z.string()),
  fleetIds: z.array(z.string()),
  workspace: z.string(),
  expiresAt: z.date().nullable(),
  revoked: z.boolean(),
  hash: z.instanceof(Buffer),
});
type Row = z.infer<typeof Row>;

/** How long a key is believed without looking again: what a revoked key can still do. */
const believedMs = 700;
const keysMax = 10_000;

export type Authenticator = {
  /** The principal of an Authorization header; throws 401. */
  readonly authenticate: (authorization: string | undefined) => Promise<Principal>;
  /** The principal of a key that was authenticated before, as it is now; undefined when it is no longer good. */
  readonly stillGood: (keyId: string) => Promise<Principal | undefined>;
  /** Looks every key up anew: called when one was revoked here. */
  readonly forget: () => void;
};

/** Looks a key up at most once per 0.7 s, however many requests it makes. */
export const createAuthenticator = (reads: Reads): Authenticator => {
  const cache = new LRUCache<string, Promise<Row | undefined>>({ max: keysMax, ttl: believedMs });
  const lookup = (by: 'prefix' | 'key_id', value: string): Promise<Row | undefined> => {
    const cached = cache.get(`${by}:${value}`);
    if (cached) return cached;
    const found = read(reads, by, value);
    cache.set(`${by}:${value}`, found);
    // A failed look-up is not an answer to keep.
    found.catch(() => cache.delete(`${by}:${value}`));
    return found;
  };
  return {
    authenticate: async (authorization) => {
      const [, text] = /^Bearer (\S{1,4096})$/.exec(authorization ?? '') ?? [];
      const key = parseKey(text ?? '');
      const row = key && (await lookup('prefix', key.prefix));
      if (!key || !row || !isSecret(key.secret, row.hash) || !isGood(row)) throw unauthenticated();
      return principalOf(row);
    },
    stillGood: async (keyId) => {
      const row = await lookup('key_id', keyId);
      return row && isGood(row) ? principalOf(row) : undefined;
    },
    forget: () => cache.clear(),
  };
};

const isGood = ({ revoked, expiresAt }: Row) => !revoked && (expiresAt === null || expiresAt.getTime() > Date.now());

const principalOf = ({ keyId, name, role, scopes, fleetIds, workspace, expiresAt }: Row): Principal => ({
  keyId,
  name,
  role,
  scopes,
  fleetIds,
  workspace,
  expiresAt,
});

const queries = {
  prefix: 'h.prefix = $1',
  key_id: 'h.key_id = $1',
} as const;

const read = async (reads: Reads, by: keyof typeof queries, value: string): Promise<Row | undefined> => {
  const rows = await reads(
    `select k.id as "keyId", k.name, k.role, k.scopes, k.fleet_ids as "fleetIds", k.workspace,
       k.expires_at as "expiresAt", k.revoked_at is not null as revoked, h.hash
     from api_key_hashes h join api_keys k on k.id = h.key_id where ${queries[by]}`,
    [value],
  );
  return rows[0] ? Row.parse(rows[0]) : undefined;
};
