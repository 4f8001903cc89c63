import { openclawConfig, ownValue } from './openclaw-config.ts';
import { type Finding, noParameters, ruleType } from './rule-type.ts';

/**
 * The bot sends spans: an OpenClaw does where its `diagnostics.otel` is switched on and neither `diagnostics` nor its
 * traces are switched off. A simulated bot always does. `spec.observability.tracing: false` says no for every engine.
 */
export const requireObservability = ruleType({
  type: 'require_observability',
  about: 'The bot sends spans: an OpenClaw with diagnostics.otel.enabled; nothing switches its traces off.',
  parameters: noParameters,
  judge: () => (resolved) => {
    const { observability, runtime } = resolved.spec;
    const switchedOff: readonly Finding[] =
      observability?.tracing === false ? [finding('spec.observability.tracing', false)] : [];
    if (runtime.engine !== 'openclaw') return switchedOff;
    const config = openclawConfig(resolved);
    const at = (...keys: readonly string[]) => ownValue(config, 'diagnostics', ...keys);
    return [
      ...switchedOff,
      ...(at('enabled') === false ? [finding('spec.config.diagnostics.enabled', false)] : []),
      ...(at('otel', 'enabled') === true
        ? []
        : [finding('spec.config.diagnostics.otel.enabled', at('otel', 'enabled'))]),
      ...(at('otel', 'traces') === false ? [finding('spec.config.diagnostics.otel.traces', false)] : []),
    ];
  },
});

const finding = (path: string, currentValue: unknown): Finding => ({
  path,
  message: 'The bot must send its spans; write true.',
  currentValue,
  suggestedValue: true,
});
