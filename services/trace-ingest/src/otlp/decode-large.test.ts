// The largest bodies are decoded in turns, between which others are answered.
import { describe, expect, test } from 'vitest';
import { decodeSpans } from './decode-spans.ts';
import { largeBodies } from './large-bodies.ts';
import { Refusal } from './refusal.ts';
import { longestTurnMs, turnMsMax } from './turns.ts';

describe('nobody is held up by', () => {
  test.each(Object.entries(largeBodies()))('%s', { timeout: 60_000 }, async (_, { body, isJson }) => {
    const longestMs = await longestTurnMs(async () => {
      const decoded = await decodeSpans(body, isJson ? 'json' : 'protobuf').catch((error: unknown) => error);
      if (decoded instanceof Error && !(decoded instanceof Refusal)) throw decoded;
    });
    expect(longestMs).toBeLessThan(turnMsMax);
  });
});
