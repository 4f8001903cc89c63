// How often a key may ask, and how often an address may be wrong.
import { HttpProblem } from '@molthub/http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Principal } from './principal.ts';

export type RateSettings = {
  /** Requests a minute and key. */
  readonly requestsPerMinute: number;
  /** Failed authentications a minute and address; past it they are told 429. A good key still gets in from there. */
  readonly failuresPerMinute: number;
};

export type RateLimits = {
  /** Counts a failed authentication; throws 429 past the limit of the address. */
  readonly countFailure: (request: FastifyRequest) => Promise<void>;
  /** Counts a request of a key; throws 429 past its limit. */
  readonly countRequest: (request: FastifyRequest, principal: Principal) => Promise<void>;
};

const minuteMs = 60_000;

/** The app must have registered @fastify/rate-limit. An address is the peer's, an IPv6 one its /64. */
export const createRateLimits = (
  app: FastifyInstance,
  settings: RateSettings,
  principalOf: (request: FastifyRequest) => Principal | undefined,
): RateLimits => {
  const failures = app.createRateLimit({
    max: settings.failuresPerMinute,
    timeWindow: minuteMs,
    keyGenerator: (request) => `address:${networkOf(request.ip)}`,
  });
  const requests = app.createRateLimit({
    max: settings.requestsPerMinute,
    timeWindow: minuteMs,
    keyGenerator: (request) => `key:${principalOf(request)?.keyId ?? ''}`,
  });
  const limited = (seconds: number) =>
    new HttpProblem({
      status: 429,
      code: 'gateway.rate-limited',
      detail: `Too many requests; try again in ${seconds} s.`,
      headers: { 'retry-after': String(seconds) },
    });
  return {
    countFailure: async (request) => {
      const state = await failures(request);
      if (!state.isAllowed && state.isExceeded) throw limited(state.ttlInSeconds);
    },
    countRequest: async (request) => {
      const state = await requests(request);
      if (!state.isAllowed && state.isExceeded) throw limited(state.ttlInSeconds);
    },
  };
};

/** The first four groups of an IPv6 address: whoever has one has them all. */
export const networkOf = (address: string): string => {
  if (!address.includes(':') || /^::ffff:\d+\.\d+\.\d+\.\d+$/i.test(address)) return address;
  const [head = '', tail] = (address.split('%', 1)[0] ?? '').split('::', 2);
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros =
    tail === undefined ? [] : Array.from({ length: Math.max(0, 8 - front.length - back.length) }, () => '0');
  return [...front, ...zeros, ...back]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
};
