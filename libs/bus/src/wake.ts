// Hints between replicas that a log has grown; losing one costs time, never a fact.
import type { ServiceName } from '@molthub/contracts';
import type { Bus } from './connect.ts';
import { wakeSubject } from './subject.ts';

const everyMs = 5;

/** Says that the log has grown: the first at once, then at most one per 5 ms. */
export const createWaker = (bus: Bus, service: ServiceName): (() => void) => {
  let quiet = false;
  let asked = false;
  const say = () => {
    if (!bus.isConnected()) return;
    bus.connection.publish(wakeSubject(service));
    quiet = true;
    setTimeout(() => {
      quiet = false;
      if (asked) {
        asked = false;
        say();
      }
    }, everyMs).unref();
  };
  return () => {
    if (quiet) asked = true;
    else say();
  };
};

/** Calls back at each such hint; answers how to stop. */
export const onWake = (bus: Bus, service: ServiceName, listener: () => void): (() => void) => {
  const subscription = bus.connection.subscribe(wakeSubject(service), { callback: () => listener() });
  return () => subscription.unsubscribe();
};
