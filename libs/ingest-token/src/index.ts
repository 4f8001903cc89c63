export { type IngestClaims, type Key, generateKey, maxTokenBytes, type SigningKey } from './claims.ts';
export { sign } from './sign.ts';
export { createVerifier, type RefusalReason, type TrustedKey, type Verdict, type Verifier } from './verify.ts';
