// Who may do what on the bus: only the gateway sends commands, only a service says its own events.
import { type ServiceName, services } from '@molthub/contracts';

type BusUser = {
  readonly name: string;
  readonly permissions: { readonly publish: readonly string[]; readonly subscribe: readonly string[] };
};

const streams = services.flatMap((service) => [`EVT_${service.toUpperCase()}`, `CMD_${service.toUpperCase()}`]);

/** What every service needs of JetStream: its streams and consumers, acknowledgements, answers to itself. */
const jetstream = ['$JS.API.>', '$JS.ACK.>', '_INBOX.>'];

const serviceUser = (service: ServiceName): BusUser => ({
  name: service,
  permissions: {
    publish: [
      ...jetstream,
      `evt.*.${service}.>`,
      'reply.>',
      `wake.${service}`,
      ...(service === 'gateway' ? ['cmd.>'] : []),
    ],
    subscribe: ['_INBOX.>', 'wake.>', ...(service === 'gateway' ? ['reply.>'] : [])],
  },
});

/** A person at this machine: reads every stream of events, through consumers of their own, and nothing else. */
const operator: BusUser = {
  name: 'operator',
  permissions: {
    publish: [
      '$JS.API.INFO',
      '$JS.API.STREAM.NAMES',
      '$JS.API.STREAM.LIST',
      ...streams
        .filter((stream) => stream.startsWith('EVT_'))
        .flatMap((stream) => [
          `$JS.API.STREAM.INFO.${stream}`,
          `$JS.API.STREAM.MSG.GET.${stream}`,
          `$JS.API.CONSUMER.CREATE.${stream}`,
          `$JS.API.CONSUMER.CREATE.${stream}.>`,
          `$JS.API.CONSUMER.INFO.${stream}.*`,
          `$JS.API.CONSUMER.MSG.NEXT.${stream}.*`,
          `$JS.API.CONSUMER.DELETE.${stream}.*`,
          `$JS.ACK.${stream}.>`,
        ]),
    ],
    subscribe: ['_INBOX.>'],
  },
};

export const busUsers: readonly BusUser[] = [...services.map(serviceUser), operator];
