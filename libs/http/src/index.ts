export { type App, type AppSettings, createApp, hashOfBody, traceparentOf } from './app.ts';
export { createCursors, type Cursors } from './cursor.ts';
export { type Operation, openApiDocument } from './openapi.ts';
export { etagOf, expectedVersionOf, preferredWaitMs } from './precondition.ts';
export { HttpProblem, type ProblemParts, problemBody, problemSchema } from './problem.ts';
export { parseStrictJson } from './strict-json.ts';
export { parsePart } from './validation.ts';
