// The frames of OpenClaw's gateway protocol, versions 3 and 4, as a client reads and writes them.
import { z } from 'zod';

export const PROTOCOLS = { min: 3, max: 4 } as const;

const gatewayFault = z.object({
  code: z.string().default('UNKNOWN'),
  message: z.string().default(''),
  details: z.unknown().optional(),
  retryable: z.boolean().optional(),
  retryAfterMs: z.number().nonnegative().optional(),
});

const answerFrame = z.object({
  type: z.literal('res'),
  id: z.string(),
  ok: z.boolean(),
  payload: z.unknown().optional(),
  error: gatewayFault.optional(),
});
const eventFrame = z.object({ type: z.literal('event'), event: z.string().max(200), payload: z.unknown().optional() });

export const frame = z.discriminatedUnion('type', [answerFrame, eventFrame]);
export type AnswerFrame = z.infer<typeof answerFrame>;
export type GatewayEvent = { readonly event: string; readonly payload: unknown };

/** The handshake's answer, less what Molthub has no use for. */
export const hello = z.object({
  type: z.literal('hello-ok'),
  protocol: z.number().int().min(PROTOCOLS.min).max(PROTOCOLS.max),
  server: z.object({ version: z.string().max(80), bootId: z.string().max(80).optional() }),
  features: z.object({ methods: z.array(z.string().max(120)).max(5_000) }),
  snapshot: z.looseObject({ stateDir: z.string().optional(), configPath: z.string().optional() }).optional(),
});
export type Hello = z.infer<typeof hello>;

export const OPERATOR_SCOPES = ['operator.admin', 'operator.read', 'operator.write'] as const;
export type OperatorScope = (typeof OPERATOR_SCOPES)[number];

/** The client's id and mode are closed lists on the gateway's side: these two are made for programs. */
export function connectParams(token: string, scopes: readonly OperatorScope[]): Readonly<Record<string, unknown>> {
  return {
    minProtocol: PROTOCOLS.min,
    maxProtocol: PROTOCOLS.max,
    client: { id: 'gateway-client', version: '0.1.0', platform: process.platform, mode: 'backend' },
    role: 'operator',
    scopes,
    caps: [],
    auth: { token },
    locale: 'en-US',
    userAgent: 'molthub',
  };
}
