// Is this bot well? Asked of the bot itself: a process that lives and a port that is open say nothing.
import { connectGateway } from './gateway-client.ts';
import { GatewayError } from './gateway-error.ts';
import { type BotHealth, health } from './gateway-verbs.ts';

export type ProbeRequest = { readonly url: string; readonly token: string; readonly timeoutMs: number };

export type ProbeReading = {
  readonly status: 'HEALTHY' | 'DEGRADED' | 'UNHEALTHY';
  /** From before the connection to the answer; for a failed probe, how long was waited. */
  readonly latencyMs: number;
  /** One line for people. */
  readonly detail: string;
  readonly protocol: number | undefined;
  readonly version: string | undefined;
};

/** A busy machine makes the loop late for moments; later than this at the 99th percentile, users notice. */
const LOOP_DELAY_MS_MAX = 1_000;

/**
 * Connects, asks `health`, disconnects, all within `timeoutMs`. Never throws for what a bot does: that is the
 * reading.
 */
export async function probe(request: ProbeRequest): Promise<ProbeReading> {
  const startedAt = performance.now();
  const elapsedMs = () => Math.round((performance.now() - startedAt) * 10) / 10;
  try {
    const client = await connectGateway({ ...request, scopes: ['operator.read'] });
    try {
      const answer = await health(client, Math.max(request.timeoutMs - elapsedMs(), 1));
      const { protocol, server } = client.hello;
      return { ...judged(answer), latencyMs: elapsedMs(), protocol, version: server.version };
    } finally {
      client.close();
    }
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return { ...failed(error), latencyMs: elapsedMs(), protocol: undefined, version: undefined };
  }
}

function judged(answer: BotHealth): Pick<ProbeReading, 'status' | 'detail'> {
  const complaints: string[] = [];
  if (!answer.ok) complaints.push('it says that it is not ok');
  // Plugins that come switched on and that nobody asked for are mentioned, but a bot does not need them to be well:
  // 2026.4.29 can load none of them where no install scripts ran.
  const errors = answer.plugins?.errors ?? [];
  const wanted = errors.filter(({ activationSource }) => activationSource !== 'default').length;
  if (wanted > 0) complaints.push(`${wanted} plugins failed to load`);
  if (answer.modelRuntime?.degraded === true) complaints.push('its model runtime is degraded');
  const delayMs = Math.round(answer.eventLoop?.delayP99Ms ?? 0);
  if (answer.eventLoop?.degraded === true && delayMs > LOOP_DELAY_MS_MAX)
    complaints.push(`its event loop is ${delayMs} ms late`);
  const unasked = errors.length > wanted ? `, without ${errors.length - wanted} of the plugins that come with it` : '';
  if (complaints.length === 0) return { status: 'HEALTHY', detail: `it answers${unasked}` };
  return { status: 'DEGRADED', detail: `it answers, but ${complaints.join(', ')}` };
}

function failed(error: GatewayError): Pick<ProbeReading, 'status' | 'detail'> {
  if (error.code === 'UNAVAILABLE' && error.retryable)
    return { status: 'DEGRADED', detail: 'it answers that it is still starting' };
  return { status: 'UNHEALTHY', detail: `${error.message} (${error.code})` };
}
