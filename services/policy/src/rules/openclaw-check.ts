// One check of OpenClaw's own audit: its id and severity there, what to do, and where a configuration needs it.
import { isJsonObject, type JsonObject } from '@molthub/manifest';
import type { ResolvedManifest, Violation } from '@molthub/contracts';
import { ownValue } from './openclaw-config.ts';

/** As OpenClaw says them. Where it says two, the second one is for a gateway that others can reach. */
export type AuditSeverity = 'critical' | 'warn/critical' | 'warn' | 'info';

/** A place below the bot's own configuration. */
export type Found = {
  readonly path: string;
  readonly value: unknown;
  readonly suggestedValue: Violation['suggestedValue'];
};

export type Check = {
  readonly id: string;
  readonly severity: AuditSeverity;
  readonly message: string;
  readonly find: (config: JsonObject, resolved: ResolvedManifest) => readonly Found[];
};

export const check = (id: string, severity: AuditSeverity, message: string, find: Check['find']): Check => ({
  id,
  severity,
  message,
  find,
});

export const found = (path: string, value: unknown, suggestedValue: Violation['suggestedValue'] = null): Found => ({
  path,
  value,
  suggestedValue,
});

/** Whether others than this machine reach the gateway; OpenClaw's default is loopback. */
export const isExposed = (config: JsonObject): boolean => {
  const bind = ownValue(config, 'gateway', 'bind');
  return bind !== undefined && bind !== 'loopback';
};

export const isFilled = (value: unknown): boolean => Array.isArray(value) && value.length > 0;

export const textsIn = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];

/** Every section of a part of the configuration, by its name. */
export const sectionsIn = (value: unknown): readonly (readonly [string, unknown])[] =>
  isJsonObject(value) ? Object.entries(value) : [];
