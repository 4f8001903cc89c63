// What each service is made of, with the settings of this installation.
import { join } from 'node:path';
import { audit } from '@molthub/audit-service';
import { configService, engineConfigValidator } from '@molthub/config-service';
import type { ServiceName } from '@molthub/contracts';
import { gatewayService } from '@molthub/gateway-service';
import { health } from '@molthub/health-service';
import { policyService } from '@molthub/policy-service';
import { reconcilerService } from '@molthub/reconciler-service';
import { rollout } from '@molthub/rollout-service';
import type { ServiceDefinition } from '@molthub/service';
import type { Logger } from '@molthub/telemetry';
import { traceService } from '@molthub/trace-ingest';
import type { Settings } from './env.ts';

/** Bots send their spans here unless their own configuration says otherwise. */
export const otlpUrlOf = (settings: Settings): string => `http://127.0.0.1:${settings.otlpPort}`;

/** Makes the definition of one service; the others are not touched. */
export const definitionOf = (name: ServiceName, settings: Settings, logger: Logger, stopping: AbortSignal) =>
  makers[name](settings, logger, stopping);

const makers = {
  config: ({ home, inherited }: Settings, logger: Logger, stopping: AbortSignal) =>
    configService({
      validateEngineConfig: engineConfigValidator({
        runtimesDir: join(home, 'runtimes'),
        schemasDir: join(home, 'schemas'),
        log: (line) => logger.info(line),
        machineEnv: inherited,
        signal: stopping,
      }),
    }),
  policy: () => policyService,
  rollout: ({ allowsPrivateWebhooks, webhookKey }: Settings) => rollout({ allowsPrivateWebhooks, webhookKey }),
  reconciler: (settings: Settings) =>
    reconcilerService({
      home: settings.home,
      otlpUrl: otlpUrlOf(settings),
      machineEnv: settings.inherited,
      secretEnv: settings.botEnv,
    }),
  health: ({ home, probeIntervalMs }: Settings) => health({ home, probeIntervalMs }),
  trace: ({ backend }: Settings) => traceService({ backend }),
  audit: () => audit(),
  gateway: () => gatewayService(),
} satisfies Record<ServiceName, (settings: Settings, logger: Logger, stopping: AbortSignal) => ServiceDefinition>;
