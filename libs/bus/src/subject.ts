// The one builder of subjects. nats-server stores a publish to `evt.*.x` as a literal, so wildcards are refused here.
import { type ServiceName, services } from '@molthub/contracts';

const token = /^[a-z0-9][a-z0-9_-]*$/;

const checked = (tokens: readonly string[]): string => {
  for (const one of tokens) {
    if (!token.test(one)) throw new Error(`'${one}' cannot be a part of a subject; use a-z, 0-9, - and _.`);
  }
  return tokens.join('.');
};

/** `evt.<workspace>.<type>` */
export const eventSubject = (workspace: string, type: string): string =>
  checked(['evt', workspace, ...type.split('.')]);

/** `cmd.<workspace>.<type>` */
export const commandSubject = (workspace: string, type: string): string =>
  checked(['cmd', workspace, ...type.split('.')]);

/** Where the outcome of a command is told. */
export const replySubject = (gatewayId: string, commandId: string): string => checked(['reply', gatewayId, commandId]);

/**
 * All events of a type in whatever workspace and of whatever major version: a version that a listener does not know
 * must reach it, to be parked. A filter, never published to.
 */
export const eventFilter = (type: string): string => `evt.*.${checked(type.split('.').slice(0, -1))}.*`;

/** Where a service says that its log has grown. */
export const wakeSubject = (service: ServiceName): string => checked(['wake', service]);

/** The service that owns a type: its first token. */
export const ownerOf = (type: string): ServiceName => {
  const owner = services.find((service) => type.startsWith(`${service}.`));
  if (!owner) throw new Error(`'${type}' belongs to no service; its first word must be one of ${services.join(', ')}.`);
  return owner;
};

export const eventStream = (service: ServiceName): string => `EVT_${service.toUpperCase()}`;
export const commandStream = (service: ServiceName): string => `CMD_${service.toUpperCase()}`;
