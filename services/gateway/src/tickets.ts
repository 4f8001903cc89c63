// Tickets let a browser open the WebSocket: it cannot send a header there, and a cookie must never be enough.
import { createHash, randomBytes } from 'node:crypto';
import type { Runtime } from '@molthub/service';
import { z } from 'zod';
import { type Authenticator, type Principal, unauthenticated } from './principal.ts';

export type Tickets = {
  /** A ticket good once, for 30 s, and only from this origin. */
  readonly issue: (
    principal: Principal,
    origin: string | null,
  ) => Promise<{ readonly ticket: string; readonly expiresAt: string }>;
  /** Takes a ticket. Throws 401 for one that is unknown, used, too old, or from another origin. */
  readonly redeem: (ticket: string, origin: string | null) => Promise<Principal>;
};

export const ticketMs = 30_000;
const hashOf = (ticket: string) => createHash('sha256').update(ticket).digest();
const Row = z.object({ keyId: z.uuid(), origin: z.string().nullable(), isGood: z.boolean() });

export const createTickets = (runtime: Runtime, authenticator: Authenticator): Tickets => ({
  issue: async (principal, origin) => {
    const ticket = randomBytes(32).toString('base64url');
    const expiresAt = new Date(Date.now() + ticketMs).toISOString();
    await runtime.write((sql) =>
      sql('insert into tickets (hash, key_id, origin, expires_at) values ($1, $2, $3, $4)', [
        hashOf(ticket),
        principal.keyId,
        origin,
        expiresAt,
      ]),
    );
    return { ticket, expiresAt };
  },
  redeem: async (ticket, origin) => {
    // Taken whatever comes of it: a ticket that was tried from elsewhere is a ticket that leaked.
    const rows = await runtime.write((sql) =>
      sql('delete from tickets where hash = $1 returning key_id as "keyId", origin, expires_at > now() as "isGood"', [
        hashOf(ticket),
      ]),
    );
    const row = rows[0] ? Row.parse(rows[0]) : undefined;
    if (!row?.isGood || row.origin !== origin) throw unauthenticated();
    const principal = await authenticator.stillGood(row.keyId);
    if (!principal) throw unauthenticated();
    return principal;
  },
});
