// Somebody else's judgement of a wave, asked for in the background: whoever takes long holds up nobody.
import { lookup } from 'node:dns';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { GateVerdict, type WebhookGate } from '@molthub/contracts';
import { z } from 'zod';
import type { WebhookSaid } from './observe.ts';
import type { Run } from './run.ts';
import { signatureHeaders } from './sign-webhook.ts';

export type WebhookAsked = {
  readonly changeSetId: string;
  readonly name: string;
  readonly planHash: string;
  readonly run: Run;
  readonly gate: WebhookGate | undefined;
};
export type Webhooks = {
  /** What was answered last of this wave; asks, where it is time to. Null while nothing is known. */
  readonly saidOf: (asked: WebhookAsked, now: Date) => WebhookSaid | null;
  /** Forgets all others. */
  readonly keepOnly: (changeSetIds: readonly string[]) => void;
};

export type WebhookSettings = {
  /** Whether addresses of this machine and of private networks may be asked. */
  readonly allowsPrivate: boolean;
  /** What requests are signed with; without one they are not. */
  readonly signingKey?: Uint8Array | null;
  readonly askAgainMs?: number;
};

type Standing = { readonly wave: number; askedAtMs: number; isAsking: boolean; said: WebhookSaid | null };

export const createWebhooks = (settings: WebhookSettings): Webhooks => {
  const { askAgainMs = 10_000 } = settings;
  const standings = new Map<string, Standing>();
  return {
    saidOf: ({ changeSetId, name, planHash, run, gate }, now) => {
      if (!gate || run.settledAtMs === null) return null;
      const known = standings.get(changeSetId);
      const standing = known?.wave === run.wave ? known : { wave: run.wave, askedAtMs: 0, isAsking: false, said: null };
      standings.set(changeSetId, standing);
      const isDecided = standing.said?.verdict === 'PASS' || standing.said?.verdict === 'FAIL';
      if (!standing.isAsking && !isDecided && now.getTime() - standing.askedAtMs >= askAgainMs) {
        standing.isAsking = true;
        standing.askedAtMs = now.getTime();
        const body = JSON.stringify({ changeSetId, name, planHash, wave: run.wave });
        // An id of its own each time: whoever takes one id for one message would never answer anything new.
        const id = `${changeSetId}-${run.wave}-${now.getTime()}`;
        void ask(gate, { id, sentAt: now, body }, settings).then((said) => {
          standing.said = said;
          standing.isAsking = false;
        });
      }
      return standing.said;
    },
    keepOnly: (changeSetIds) => {
      const kept = new Set(changeSetIds);
      for (const id of standings.keys()) if (!kept.has(id)) standings.delete(id);
    },
  };
};

const Answer = z.object({ verdict: GateVerdict, message: z.string().max(500).default('') });
const answerBytesMax = 64 * 1024;

type Message = Parameters<typeof signatureHeaders>[1];

const ask = async (gate: WebhookGate, message: Message, settings: WebhookSettings): Promise<WebhookSaid> => {
  try {
    const { status, text } = await post(gate, message, settings);
    if (status < 200 || status > 299) return { verdict: 'ERROR', message: `It answered ${status}.` };
    const answer = Answer.safeParse(parsed(text));
    if (!answer.success) return { verdict: 'ERROR', message: 'Its answer is no { "verdict": "PASS" | "FAIL" | … }.' };
    return answer.data;
  } catch (error) {
    return {
      verdict: 'ERROR',
      message: `It could not be asked: ${error instanceof Error ? error.message : String(error)}`,
    };
  }
};

/** Undefined for what is no JSON. */
const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

const post = (
  { url, timeoutSeconds = 10 }: WebhookGate,
  message: Message,
  { allowsPrivate, signingKey = null }: WebhookSettings,
): Promise<{ readonly status: number; readonly text: string }> =>
  new Promise((resolve, reject) => {
    const target = new URL(url);
    const host = target.hostname.replace(/^\[|\]$/g, '');
    // An address is not looked up, so that the guard of names never sees it.
    if (!allowsPrivate && isIP(host) !== 0 && isPrivate(host)) throw new Error(privateMessage(host));
    const send = target.protocol === 'https:' ? requestHttps : requestHttp;
    const request = send(target, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(message.body),
        'user-agent': 'molthub',
        ...(signingKey === null ? {} : signatureHeaders(signingKey, message)),
      },
      signal: AbortSignal.timeout(timeoutSeconds * 1_000),
      ...(allowsPrivate ? {} : { lookup: publicOnly }),
    });
    request.on('error', reject).on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        if (text.length > answerBytesMax) request.destroy(new Error('its answer is too long'));
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text })).on('error', reject);
    });
    request.end(message.body);
  });

/** What is not the internet: this machine, private and link-local networks, and what maps to them. */
const privateRanges = new BlockList();
for (const [net, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const) {
  privateRanges.addSubnet(net, prefix, 'ipv4');
}
for (const [net, prefix] of [
  ['::', 96],
  ['64:ff9b::', 96],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const) {
  privateRanges.addSubnet(net, prefix, 'ipv6');
}
const isPrivate = (address: string): boolean => privateRanges.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
const privateMessage = (host: string): string =>
  `${host} is not on the internet, and private addresses are not allowed`;

/** Names are looked up where the connection is made: what is checked is what is connected to. */
const publicOnly: LookupFunction = (host, options, done) => {
  lookup(host, { ...options, all: true }, (error, addresses) => {
    if (error) return done(error, []);
    const [first] = addresses;
    if (!first || addresses.some(({ address }) => isPrivate(address))) return done(new Error(privateMessage(host)), []);
    if (options.all) done(null, addresses);
    else done(null, first.address, first.family);
  });
};
