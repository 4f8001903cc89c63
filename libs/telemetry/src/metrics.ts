import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Metrics of one process; services in one process share it and tell themselves apart by the label `service`. */
export type Metrics = {
  readonly registry: Registry;
  readonly counter: (name: string, help: string, labels?: readonly string[]) => Counter;
  readonly gauge: (name: string, help: string, labels?: readonly string[]) => Gauge;
  /** Seconds, in buckets from 1 ms to 10 s. */
  readonly histogram: (name: string, help: string, labels?: readonly string[]) => Histogram;
  /** Registers what is to be measured whenever the metrics are asked for; answers how to take it back. */
  readonly collect: (measure: () => Promise<void>) => () => void;
  /** Measures all that is registered, then answers Prometheus' text; what could not be measured is left out. */
  readonly text: () => Promise<string>;
};

const secondsBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** A registry whose metrics are made on first use: asking twice for a name answers the same metric. */
export const createMetrics = (): Metrics => {
  const registry = new Registry();
  const measures = new Set<() => Promise<void>>();
  let measuring: Promise<unknown> | undefined;
  const made = <M>(name: string, is: (metric: unknown) => metric is M, make: () => M): M => {
    const known = registry.getSingleMetric(name);
    return is(known) ? known : make();
  };
  const isCounter = (metric: unknown): metric is Counter => metric instanceof Counter;
  const isGauge = (metric: unknown): metric is Gauge => metric instanceof Gauge;
  const isHistogram = (metric: unknown): metric is Histogram => metric instanceof Histogram;
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
    text: async () => {
      // Who asks while it is measured gets the same figures: asking often costs no more than asking.
      measuring ??= Promise.allSettled([...measures].map((measure) => measure())).finally(() => {
        measuring = undefined;
      });
      await measuring;
      return registry.metrics();
    },
  };
};

/** Adds what Prometheus' clients say of every process: memory, processor time, the event loop's lag, open files. */
export const measureProcess = ({ registry }: Metrics): void => collectDefaultMetrics({ register: registry });
