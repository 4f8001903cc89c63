// Everything that is pure about manifests: their form, their hash, their secure defaults, their differences.
export { canonicalHash } from './canonical-hash.ts';
export { type Difference, diff, equal } from './diff.ts';
export { isSecretName } from '@molthub/contracts';
export { isLiteralSecret, type LiteralSecret, literalSecrets } from './literal-secrets.ts';
export { masked } from './masked.ts';
export { parseManifest } from './parse.ts';
export { childPath, isItemWith, parsePath, type PathPart, type PathStep, pathStepsMax } from './path.ts';
export { type ResolveContext, resolve } from './resolve.ts';
export { isJsonObject, type JsonObject } from './json.ts';
export { depthMax, forbiddenKeys, sizeProblems, structureProblems } from './structure.ts';
