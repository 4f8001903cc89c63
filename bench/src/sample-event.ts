// The event that appends are measured with: about 90 bytes of data and 190 of metadata.
import { randomUUID } from 'node:crypto';
import type { NewEvent } from '@molthub/event-store';

export const sampleData = {
  botId: '7f9b2c1e-0d5a-4c8f-9a57-3f1f6f0f7c11',
  status: 'RUNNING',
  detail: 'as it should be',
};

export const sampleMeta = {
  actor: { kind: 'api-key', id: '0192d3a4-5b6c-7d8e-9f00-112233445566', name: 'bench' },
  correlationId: '0192d3a4-5b6c-7d8e-9f00-112233445567',
  causationId: '0192d3a4-5b6c-7d8e-9f00-112233445568',
} as const;

export const sampleEvent = (): NewEvent => ({
  id: randomUUID(),
  type: 'reconciler.bot.started.v1',
  data: sampleData,
  workspace: 'default',
  ...sampleMeta,
  time: new Date().toISOString(),
});
