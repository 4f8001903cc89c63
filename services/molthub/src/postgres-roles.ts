// A role per service that owns its two schemas, and a reader that sees published views and nothing else.
import { createHmac } from 'node:crypto';
import { type ServiceName, services } from '@molthub/contracts';
import { readerRole } from '@molthub/event-store';
import { Client, escapeIdentifier, escapeLiteral } from 'pg';

export type Databases = {
  readonly urlOf: (service: ServiceName) => string;
  /** For the gateway's queries and Grafana: published views only, statements of at most 5 s. */
  readonly readerUrl: string;
};

/** What the roles' passwords follow from, and the file that it was read from. */
export type RolesSecret = { readonly text: string; readonly path: string };

/** The roles have the passwords of another secret: with ours, whoever made them could not connect any more. */
export class OtherSecret extends Error {
  constructor(path: string) {
    super(
      'the roles in this Postgres have the passwords of another secret; ' +
        `copy secrets/roles.secret from the home of the first machine to ${path}.`,
    );
  }
}

/** Roles that Molthub cannot be without; every statement may run again. */
const provision = (database: string, passwordOf: (role: string) => string): readonly string[] => [
  ...services.flatMap((service) => {
    const role = `molthub_${service}`;
    return [
      ...login(role, passwordOf(role)),
      `grant pg_read_all_stats to ${role}`,
      `grant execute on function pg_control_system() to ${role}`,
      `create schema if not exists ${service} authorization ${role}`,
      `create schema if not exists ${service}_read authorization ${role}`,
    ];
  }),
  ...services.map((service) => `grant create, connect on database ${escapeIdentifier(database)} to molthub_${service}`),
  ...login(readerRole, passwordOf(readerRole)),
  `alter role ${readerRole} set statement_timeout = '5s'`,
  `alter role ${readerRole} set default_transaction_read_only = on`,
  `grant connect on database ${escapeIdentifier(database)} to ${readerRole}`,
  `revoke all on schema public from public`,
  ...services.map((service) => `grant usage on schema ${service}_read to ${readerRole}`),
];

const login = (role: string, password: string): readonly string[] => [
  `do $$ begin if not exists (select from pg_roles where rolname = '${role}') then create role ${role}; end if; end $$`,
  `alter role ${role} login nosuperuser nocreatedb nocreaterole password ${escapeLiteral(password)}`,
];

const note = 'Molthub: passwords follow from the roles.secret with fingerprint';

/**
 * Tells the secret from others in a role's comment: roles and their comments belong to the whole server, as a table in
 * one of its databases would not. Nobody's password, and it says nothing about 32 random bytes.
 */
const fingerprintOf = ({ text }: RolesSecret): string =>
  createHmac('sha256', text).update('fingerprint of roles.secret').digest('hex').slice(0, 32);

/** Roles without a fingerprint are new, or from before there was one: they get ours. */
const assertOwn = async (admin: Client, secret: RolesSecret): Promise<void> => {
  const { rows } = await admin.query<{ comment: string | null }>(
    `select shobj_description(oid, 'pg_authid') as comment from pg_roles where rolname = $1`,
    [readerRole],
  );
  const comment = rows[0]?.comment ?? '';
  if (comment.startsWith(note) && comment !== `${note} ${fingerprintOf(secret)}`) throw new OtherSecret(secret.path);
};

/**
 * Makes the roles in the database behind `adminUrl`; their passwords follow from `secret`, so nothing else is to be
 * kept. Throws if that user may not create roles: least privilege is no option that silently falls away. Throws
 * `OtherSecret`, and changes nothing, where the roles were made with another one.
 */
export const provisionRoles = async (adminUrl: string, secret: RolesSecret): Promise<Databases> => {
  const passwordOf = (role: string) => createHmac('sha256', secret.text).update(role).digest('base64url');
  const admin = new Client({ connectionString: adminUrl, connectionTimeoutMillis: 5_000 });
  await admin.connect();
  try {
    const { rows } = await admin.query<{ database: string; may: boolean }>(
      `select current_database() as database, rolsuper or rolcreaterole as may from pg_roles where rolname = current_user`,
    );
    const [row] = rows;
    if (!row?.may) {
      throw new Error(
        'the user of DATABASE_URL may not create roles; give it CREATEROLE (or use a superuser) for the first start.',
      );
    }
    await admin.query('begin');
    // Two starts at once would trip over each other's catalogue rows.
    await admin.query("select pg_advisory_xact_lock(hashtextextended('molthub roles', 0))");
    await assertOwn(admin, secret);
    for (const statement of provision(row.database, passwordOf)) await admin.query(statement);
    await admin.query(`comment on role ${readerRole} is ${escapeLiteral(`${note} ${fingerprintOf(secret)}`)}`);
    await admin.query('commit');
  } finally {
    await admin.end();
  }
  const urlOf = (role: string) => {
    const url = new URL(adminUrl);
    url.username = role;
    url.password = passwordOf(role);
    return url.href;
  };
  return { urlOf: (service) => urlOf(`molthub_${service}`), readerUrl: urlOf(readerRole) };
};
