// Who may do what on the bus: only the gateway sends commands, only a service says its own events and takes its own
// commands, and nobody hears the answers to others.
import { commandStream, eventStream } from '@molthub/bus';
import { type ServiceName, services } from '@molthub/contracts';

type BusUser = {
  readonly name: string;
  readonly permissions: { readonly publish: readonly string[]; readonly subscribe: readonly string[] };
};

/** Asks whether a stream is there. */
const look = (stream: string) => [`$JS.API.STREAM.INFO.${stream}`];
/** Whoever needs a stream first makes it; what is there already is not changed by it. */
const make = (stream: string) => [...look(stream), `$JS.API.STREAM.CREATE.${stream}`];

/** Reads a stream through consumers of one's own, of whatever name. */
const read = (stream: string) => [
  ...look(stream),
  `$JS.API.STREAM.MSG.GET.${stream}`,
  `$JS.API.CONSUMER.CREATE.${stream}`,
  `$JS.API.CONSUMER.CREATE.${stream}.>`,
  `$JS.API.CONSUMER.INFO.${stream}.*`,
  `$JS.API.CONSUMER.MSG.NEXT.${stream}.*`,
  `$JS.API.CONSUMER.DELETE.${stream}.*`,
];

/** Takes from a work queue through the one consumer that all replicas share. */
const work = (stream: string) => [
  `$JS.API.CONSUMER.CREATE.${stream}.worker`,
  `$JS.API.CONSUMER.INFO.${stream}.worker`,
  `$JS.API.CONSUMER.MSG.NEXT.${stream}.worker`,
  `$JS.ACK.${stream}.worker.>`,
];

/**
 * Every service may read all events, because listening to another one must not need a change here. `reply.>` cannot be
 * narrower while its subject names only gateway and command: a service that knew the id of another's command in time
 * could tell a false outcome of it. That caller would be misled; no event and no read model would be.
 * The rights stop mistakes and what a leaked credential is used for by hand. They are no wall around a service that was
 * taken over, as seen with nats-server 2.15.1: a stream of its own may be made to copy any other, and a pull is
 * delivered to whatever subject it names as its reply, `cmd.>` included. An account per service would be one.
 */
const serviceUser = (service: ServiceName): BusUser => ({
  name: service,
  permissions: {
    publish: [
      ...services.map(eventStream).flatMap((stream) => [...make(stream), ...read(stream)]),
      // Its log began a new epoch: what stands there is of the old one.
      `$JS.API.STREAM.DELETE.${eventStream(service)}`,
      ...make(commandStream(service)),
      ...work(commandStream(service)),
      `evt.*.${service}.>`,
      'reply.>',
      `wake.${service}`,
      ...(service === 'gateway' ? ['cmd.>', ...services.map(commandStream).flatMap(make)] : []),
    ],
    subscribe: [`_INBOX_${service}.>`, 'wake.>', ...(service === 'gateway' ? ['reply.>'] : [])],
  },
});

/**
 * A person at this machine: reads every stream of events, through consumers of their own, and nothing else. Clients
 * listen at `_INBOX` unless told otherwise, and no service's answers arrive there.
 */
const operator: BusUser = {
  name: 'operator',
  permissions: {
    publish: [
      '$JS.API.INFO',
      '$JS.API.STREAM.NAMES',
      '$JS.API.STREAM.LIST',
      ...services.map(eventStream).flatMap((stream) => [...read(stream), `$JS.ACK.${stream}.>`]),
    ],
    subscribe: ['_INBOX.>', '_INBOX_operator.>'],
  },
};

export const busUsers: readonly BusUser[] = [...services.map(serviceUser), operator];
