import { Rejected } from '@molthub/decider';

/** Refuses a change of something that is at another version than the caller read. */
export const expectVersion = (expected: number | undefined, actual: number): void => {
  if (expected === undefined || expected === actual) return;
  throw new Rejected(
    'policy.version-mismatch',
    `It is at version ${actual}, not ${expected}; read it again and send the change with If-Match "${actual}".`,
  );
};
