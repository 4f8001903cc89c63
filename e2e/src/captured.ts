// Bodies that a real OpenClaw sent, and the traces that come of them.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Molthub } from './molthub.ts';

const folder = join(import.meta.dirname, '../../services/trace-ingest/samples');

export const capturedTurns = ['turn1-plain', 'turn2-tool-loop', 'turn3-one-tool'] as const;

/** Sends every body of a turn to the path that it was captured on; answers what was not a 200. */
export const sendCaptured = async (otlp: string, token: string, turn: (typeof capturedTurns)[number]) => {
  const names = (await readdir(join(folder, turn))).filter((name) => name.endsWith('.bin')).sort();
  const refused: string[] = [];
  for (const name of names) {
    const path = name.replace(/^\d+-(v1)_(\w+)\.bin$/, '/$1/$2');
    const response = await fetch(`${otlp}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf', authorization: `Bearer ${token}` },
      body: await readFile(join(folder, turn, name)),
    });
    await response.arrayBuffer();
    if (response.status !== 200) refused.push(`${name}: ${response.status}`);
  }
  if (names.length === 0) throw new Error(`No captured bodies in ${turn}.`);
  return refused;
};

type Span = { readonly name: string; readonly type: string; readonly children: readonly Span[] };
const Span: z.ZodType<Span> = z.lazy(() => z.object({ name: z.string(), type: z.string(), children: z.array(Span) }));
const Tree = z.object({ traceId: z.string(), botInstanceId: z.uuid(), spanCount: z.int(), roots: z.array(Span) });

/** A trace in figures; undefined while it is not there. */
export const treeOf = async (molthub: Molthub, traceId: string) => {
  const answer = await molthub.call('GET', `/traces/by-trace-id/${traceId}/tree`);
  if (answer.status !== 200) return undefined;
  const tree = Tree.parse(answer.body);
  const all = tree.roots.flatMap(everySpan);
  return {
    botInstanceId: tree.botInstanceId,
    spans: tree.spanCount,
    roots: tree.roots.length,
    root: tree.roots[0]?.name,
    modelCalls: all.filter((span) => span.type === 'MODEL').length,
    toolCalls: all.filter((span) => span.type === 'TOOL').length,
  };
};

const everySpan = (span: Span): readonly Span[] => [span, ...span.children.flatMap(everySpan)];
