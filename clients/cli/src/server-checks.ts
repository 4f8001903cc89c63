// What the server says about itself: there, ready, willing to talk to this key, nothing parked.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { Loose, Parked } from './answers.ts';
import { CliError } from './cli-error.ts';
import { type Client, startOrName } from './client.ts';
import type { Check } from './commands/doctor.ts';
import { codeOf } from './connection.ts';
import { amount } from './output.ts';
import { readinessOf } from './readiness.ts';

export const serverChecks = async (client: Client, home: string): Promise<Check[]> => {
  const { server } = client.connection;
  const servers = await embeddedCheck(home);
  try {
    const { status, body } = await client.probe('/readyz');
    const reached: Check = { name: 'server', result: 'ok', detail: `${server} answers` };
    return [reached, ...readinessChecks(status, body), ...servers, ...(await keyChecks(client))];
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    const fix = 'start it with "npm start", or say where it is with --server or MOLTHUB_SERVER';
    return [{ name: 'server', result: 'fail', detail: error.message.replace(/; start it.*$/, ''), fix }, ...servers];
  }
};

const readinessChecks = (status: number, body: unknown): Check[] => {
  const parts = readinessOf(body);
  if (parts.length === 0) {
    const detail = `/readyz answered ${status} and names no service`;
    return [{ name: 'services', result: 'fail', detail, fix: 'look whether --server is the address of a Molthub' }];
  }
  return parts.map(({ name, ready, detail }) => {
    if (ready) return { name, result: 'ok', detail: detail || 'ready' };
    const fix = 'it tries again by itself; the log of `npm start` says why it cannot';
    return { name, result: 'fail', detail: detail || 'not ready', fix };
  });
};

const Endpoints = z.looseObject({ nats: z.string(), postgres: z.string() });

/** Which Postgres and nats-server the Molthub of this home uses. Their state is part of `/readyz`. */
const embeddedCheck = async (home: string): Promise<Check[]> => {
  const name = 'endpoints';
  const path = join(home, 'endpoints.json');
  try {
    const { nats, postgres } = Endpoints.parse(JSON.parse(await readFile(path, 'utf8')));
    return [{ name, result: 'ok', detail: `Postgres at ${host(postgres)}, nats-server at ${host(nats)} (${path})` }];
  } catch (error) {
    const fix = 'right where Molthub runs elsewhere; otherwise start it with "npm start", as this user';
    return [{ name, result: 'warn', detail: `${path} cannot be read (${codeOf(error).slice(0, 60)})`, fix }];
  }
};

/** The host of an address, without the password it holds. */
const host = (address: string): string => URL.parse(address)?.host ?? 'an address that cannot be read';

const keyChecks = async (client: Client): Promise<Check[]> => {
  const name = 'API key';
  const { key, keySource, unstartedHome } = client.connection;
  const fix = 'pass --key, or set MOLTHUB_KEY; `molthub keys create` makes one';
  if (unstartedHome !== undefined) {
    // The server that answered is then another's, whose state says nothing about this home.
    const detail = `no Molthub has been started in ${unstartedHome} yet`;
    return [{ name, result: 'fail', detail, fix: startOrName }];
  }
  if (key === undefined) return [{ name, result: 'fail', detail: keySource, fix }];
  try {
    await client.all(Loose, '/fleets', {}, 1);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    return [{ name, result: 'fail', detail: error.message, fix }];
  }
  return [{ name, result: 'ok', detail: `accepted (from ${keySource})` }, await parkedCheck(client)];
};

const parkedCheck = async (client: Client): Promise<Check> => {
  const name = 'parked keys';
  try {
    const parked = await client.whole(Parked, '/parked');
    if (parked.length === 0) return { name, result: 'ok', detail: 'none' };
    const fix = '`molthub parked list` shows them; retry each once its cause is gone';
    return { name, result: 'warn', detail: `${amount(parked.length, 'event')} waiting for a person`, fix };
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    const fix = 'use a key of role ADMIN or OWNER to see them';
    return { name, result: 'warn', detail: error.message, fix };
  }
};
