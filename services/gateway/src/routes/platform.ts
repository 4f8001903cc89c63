// What the installation says of itself: whether it lives, its figures, its document.
import { z } from 'zod';
import { docsPage } from '../docs-page.ts';
import { exposed } from '../exposed-metrics.ts';
import { route, type Route } from '../route.ts';

const Part = z.object({ name: z.string(), ready: z.boolean(), detail: z.string() });

export const platformRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/livez',
    permission: 'none',
    reach: 'nothing',
    summary: 'Says that this process answers.',
    answer: z.object({ status: z.literal('alive') }),
    run: async () => ({ status: 200, body: { status: 'alive' } }),
  }),
  route({
    method: 'GET',
    path: '/readyz',
    permission: 'none',
    reach: 'nothing',
    summary: 'Says whether each service and dependency can work; 503 while one cannot.',
    answer: z.object({ status: z.enum(['ready', 'not-ready']), parts: z.array(Part) }),
    run: async ({ world }) => {
      const parts = await world.readiness();
      const ready = parts.every((part) => part.ready);
      return { status: ready ? 200 : 503, body: { status: ready ? 'ready' : 'not-ready', parts } };
    },
  }),
  route({
    method: 'GET',
    path: '/metrics',
    permission: 'none',
    reach: 'nothing',
    summary: 'Figures for Prometheus.',
    answer: z.string(),
    contentType: 'text/plain',
    run: async ({ world }) => {
      const { text, type } = await exposed(world);
      return { status: 200, body: text, contentType: type };
    },
  }),
  route({
    method: 'GET',
    path: '/openapi.json',
    permission: 'any-key',
    reach: 'nothing',
    summary: 'This API as OpenAPI 3.1, made from the schemas that validate.',
    answer: z.record(z.string(), z.json()),
    run: async ({ world }) => ({ status: 200, body: world.document() }),
  }),
  route({
    method: 'GET',
    path: '/docs',
    permission: 'any-key',
    reach: 'nothing',
    summary: 'This API as a page to read.',
    answer: z.string(),
    contentType: 'text/html',
    run: async ({ world }) => ({
      status: 200,
      body: docsPage(world.document()),
      contentType: 'text/html; charset=utf-8',
      headers: { 'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'" },
    }),
  }),
];
