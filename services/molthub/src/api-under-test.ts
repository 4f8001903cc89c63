// The API over every service, in this process, on the servers of a test file.
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { audit } from '@molthub/audit-service';
import { type Commander, createCommander } from '@molthub/bus';
import { configService, engineConfigValidator } from '@molthub/config-service';
import { type ServiceName, services } from '@molthub/contracts';
import {
  ensureAdminKey,
  type GatewaySettings,
  gatewayService,
  type RunningGateway,
  startGateway,
} from '@molthub/gateway-service';
import { health } from '@molthub/health-service';
import { policyService } from '@molthub/policy-service';
import { reconcilerService } from '@molthub/reconciler-service';
import { rollout } from '@molthub/rollout-service';
import { type RunningService, type ServiceDefinition, startService } from '@molthub/service';
import { createLogger, createMetrics } from '@molthub/telemetry';
import type { TestNats, TestPostgres } from '@molthub/testing';
import { type OtlpServer, traceService } from '@molthub/trace-ingest';
import { z } from 'zod';
import { provisionRoles } from './postgres-roles.ts';

export type Answer = {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body where it is a JSON object; empty otherwise. */
  readonly body: Readonly<Record<string, unknown>>;
};

export type CallOptions = {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: the admin's key. Null sends none. */
  readonly key?: string | null;
};

export type ApiUnderTest = {
  readonly url: () => string;
  readonly adminKey: string;
  /** Of the role that sees published views only. */
  readonly readerUrl: string;
  /** The database as the role of this service, for a process that runs it beside this one. */
  readonly databaseUrlOf: (name: ServiceName) => string;
  readonly call: (method: string, path: string, options?: CallOptions) => Promise<Answer>;
  readonly start: (name: ServiceName) => Promise<void>;
  readonly stop: (name: ServiceName) => Promise<void>;
  readonly service: (name: ServiceName) => RunningService;
  /** Closes the door and the gateway behind it, and opens them again, on another port. */
  readonly restartGateway: () => Promise<void>;
  /** Opens the door for spans, until the test ends. */
  readonly openOtlp: () => Promise<string>;
  readonly close: () => Promise<void>;
};

/** None of these tests runs an OpenClaw, so nothing is fetched below this home. */
const definitionsOf = (
  trace: ServiceDefinition,
  windowLatenessMs: number | undefined,
): Readonly<Record<ServiceName, (home: string) => ServiceDefinition>> => ({
  config: (home) =>
    configService({
      validateEngineConfig: engineConfigValidator({
        runtimesDir: join(home, 'runtimes'),
        schemasDir: join(home, 'schemas'),
        log: () => undefined,
        machineEnv: {},
      }),
    }),
  policy: () => policyService,
  rollout: () => rollout(windowLatenessMs === undefined ? {} : { windowLatenessMs: windowLatenessMs + 5_000 }),
  reconciler: (home) => reconcilerService({ home, otlpUrl: null, machineEnv: {} }),
  health: (home) => health({ home }),
  trace: () => trace,
  audit: () => audit(),
  gateway: () => gatewayService(),
});

const Body = z.record(z.string(), z.unknown());

export const openApi = async (
  servers: { readonly postgres: TestPostgres; readonly nats: TestNats },
  options: {
    readonly names?: readonly ServiceName[];
    readonly door?: Partial<GatewaySettings>;
    /** How long windows of traces wait for late spans, instead of as long as they do. */
    readonly windowLatenessMs?: number;
  } = {},
): Promise<ApiUnderTest> => {
  const { windowLatenessMs } = options;
  const trace = traceService(windowLatenessMs === undefined ? {} : { windows: { latenessMs: windowLatenessMs } });
  const definitions = definitionsOf(trace, windowLatenessMs);
  const home = await mkdtemp(join(tmpdir(), 'molthub-api-'));
  const database = await servers.postgres.createDatabase();
  const databases = await provisionRoles(database.url, { text: 'test', path: 'none' });
  const logger = createLogger('test', 'error');
  const metrics = createMetrics();
  const running = new Map<ServiceName, RunningService>();
  const start = async (name: ServiceName) => {
    const urls = { databaseUrl: databases.urlOf(name), natsUrl: servers.nats.url };
    running.set(name, await startService(definitions[name](home), { ...urls, logger, metrics }));
  };
  const stop = async (name: ServiceName) => {
    await service(name).stop();
    running.delete(name);
  };
  const service = (name: ServiceName): RunningService => {
    const found = running.get(name);
    if (!found) throw new Error(`${name} does not run in this test.`);
    return found;
  };
  const secret = randomBytes(32);
  let door: RunningGateway;
  let commander: Commander;
  let otlp: OtlpServer | undefined;
  const open = async () => {
    const gateway = service('gateway');
    commander = createCommander(gateway.bus, `test-${randomBytes(4).toString('hex')}`);
    await ensureAdminKey({ path: join(home, 'admin.key'), runtime: gateway.runtime, secret });
    door = await startGateway({
      runtime: gateway.runtime,
      commander,
      readerUrl: databases.readerUrl,
      secret,
      host: '127.0.0.1',
      port: 0,
      readiness: async () => [{ name: 'test', ready: true, detail: '' }],
      checkAnswers: true,
      ...options.door,
    });
  };
  await Promise.all((options.names ?? services).map(start));
  await open();
  const adminKey = (await readFile(join(home, 'admin.key'), 'utf8')).trim();
  return {
    url: () => door.url,
    adminKey,
    readerUrl: databases.readerUrl,
    databaseUrlOf: databases.urlOf,
    start,
    stop,
    service,
    call: async (method, path, { body, headers, key = adminKey } = {}) => {
      const response = await fetch(`${door.url}${path}`, {
        method,
        headers: {
          ...(key === null ? {} : { authorization: `Bearer ${key}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      const text = await response.text();
      const isJson = /json/.test(response.headers.get('content-type') ?? '');
      return {
        status: response.status,
        headers: response.headers,
        text,
        body: isJson ? Body.parse(JSON.parse(text)) : {},
      };
    },
    restartGateway: async () => {
      await door.close();
      commander.close();
      await stop('gateway');
      await start('gateway');
      await open();
    },
    openOtlp: async () => {
      otlp = await trace.startOtlp({ host: '127.0.0.1', port: 0, runtime: service('trace').runtime });
      return otlp.url;
    },
    close: async () => {
      await otlp?.close();
      await door.close();
      commander.close();
      await Promise.all([...running.keys()].map(stop));
      await rm(home, { recursive: true, force: true });
    },
  };
};
