// Layers as tests make them, and what comes of them.
import { until } from '@molthub/testing';
import { z } from 'zod';
import { isConverged, makeBot, simulatedManifest, untilBot } from './bots.ts';
import type { Molthub } from './molthub.ts';
import { Page } from './shapes.ts';

export const Made = z.looseObject({ id: z.uuid(), name: z.string() });

const ChangeSet = z.looseObject({
  id: z.uuid(),
  name: z.string(),
  status: z.string(),
  fleetId: z.uuid(),
  refused: z.int(),
  reason: z.string(),
  author: z.looseObject({ name: z.string() }),
  progress: z.looseObject({ total: z.int() }),
});

export const labelled = (name: string, labels: Record<string, string>, config: Record<string, unknown> = {}) => {
  const manifest = simulatedManifest(name, {});
  return { ...manifest, metadata: { name, labels }, spec: { ...manifest.spec, config } };
};

/** What tests of layers do with one Molthub. */
export const layersOf = (molthub: () => Molthub) => {
  const changeSets = async (fleetId: string) =>
    Page.parse((await molthub().call('GET', `/change-sets?fleetId=${fleetId}`)).body).items.map((item) =>
      ChangeSet.parse(item),
    );
  return {
    changeSets,
    make: async (kind: string, body: Record<string, unknown>) => {
      const answer = await molthub().call('POST', `/${kind}`, body);
      if (answer.status !== 201) throw new Error(`POST /${kind} answered ${JSON.stringify(answer.body)}`);
      return Made.parse(answer.body);
    },
    patch: (kind: string, id: string, body: Record<string, unknown>) => molthub().call('PATCH', `/${kind}/${id}`, body),
    /** The change set that a version of a layer led to in a fleet, once it has this status. */
    untilChangeSet: (fleetId: string, name: string, status: string) =>
      until(async () => (await changeSets(fleetId)).find((one) => one.name === name && one.status === status), {
        what: `change set ${name} to be ${status}`,
        timeoutMs: 60_000,
        everyMs: 100,
      }),
    running: async (fleetId: string, manifest: unknown) => {
      const bot = await makeBot(molthub(), fleetId, manifest);
      return untilBot(molthub(), bot.id, 'converged', isConverged);
    },
    resolvedOf: async (id: string) => {
      const answer = await molthub().call('GET', `/bot-instances/${id}/resolved`);
      return z.object({ resolved: z.object({ spec: z.record(z.string(), z.unknown()) }) }).parse(answer.body).resolved
        .spec;
    },
  };
};
