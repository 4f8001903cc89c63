import {
  AggregatorRegistry,
  collectDefaultMetrics,
  Counter,
  Gauge,
  Histogram,
  type MetricObjectWithValues,
  type MetricValue,
  Registry,
} from 'prom-client';

/** What the metrics of a thread are at one moment, as data. */
export type MetricsSnapshot = readonly MetricObjectWithValues<MetricValue<string>>[];

/** Metrics of one thread; services in one thread share it and tell themselves apart by the label `service`. */
export type Metrics = {
  readonly registry: Registry;
  readonly counter: (name: string, help: string, labels?: readonly string[]) => Counter;
  readonly gauge: (name: string, help: string, labels?: readonly string[]) => Gauge;
  /** Seconds, in buckets from 1 ms to 10 s. */
  readonly histogram: (name: string, help: string, labels?: readonly string[]) => Histogram;
  /** Registers what is to be measured whenever the metrics are asked for; answers how to take it back. */
  readonly collect: (measure: () => Promise<void>) => () => void;
  /** Measures all that is registered; what could not be measured is left out. */
  readonly snapshot: () => Promise<MetricsSnapshot>;
  /** Adds what another thread of the process measures, whenever this one is asked. */
  readonly include: (other: () => Promise<MetricsSnapshot>) => void;
  /** Prometheus' text of a snapshot of this thread and of those included. */
  readonly text: () => Promise<string>;
};

const secondsBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** A registry whose metrics are made on first use: asking twice for a name answers the same metric. */
export const createMetrics = (): Metrics => {
  const registry = new Registry();
  const measures = new Set<() => Promise<void>>();
  const others: (() => Promise<MetricsSnapshot>)[] = [];
  let measuring: Promise<unknown> | undefined;
  const made = <M>(name: string, is: (metric: unknown) => metric is M, make: () => M): M => {
    const known = registry.getSingleMetric(name);
    return is(known) ? known : make();
  };
  const isCounter = (metric: unknown): metric is Counter => metric instanceof Counter;
  const isGauge = (metric: unknown): metric is Gauge => metric instanceof Gauge;
  const isHistogram = (metric: unknown): metric is Histogram => metric instanceof Histogram;
  const snapshot = async (): Promise<MetricsSnapshot> => {
    // Who asks while it is measured gets the same figures: asking often costs no more than asking.
    measuring ??= Promise.allSettled([...measures].map((measure) => measure())).finally(() => {
      measuring = undefined;
    });
    await measuring;
    return registry.getMetricsAsJSON();
  };
  return {
    registry,
    counter: (name, help, labelNames = []) =>
      made(name, isCounter, () => new Counter({ name, help, labelNames, registers: [registry] })),
    gauge: (name, help, labelNames = []) =>
      made(name, isGauge, () => new Gauge({ name, help, labelNames, registers: [registry] })),
    histogram: (name, help, labelNames = []) =>
      made(
        name,
        isHistogram,
        () => new Histogram({ name, help, labelNames, buckets: secondsBuckets, registers: [registry] }),
      ),
    collect: (measure) => {
      measures.add(measure);
      return () => measures.delete(measure);
    },
    snapshot,
    include: (other) => {
      others.push(other);
    },
    text: async () => {
      const all = await Promise.all([snapshot, ...others].map((take) => take()));
      return AggregatorRegistry.aggregate(all.map((one) => [...one])).metrics();
    },
  };
};

/** Adds what Prometheus' clients say of every process: memory, processor time, the event loop's lag, open files. */
export const measureProcess = ({ registry }: Metrics): void => collectDefaultMetrics({ register: registry });
