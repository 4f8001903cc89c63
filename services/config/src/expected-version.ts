import { Rejected } from '@molthub/decider';

/** Refuses a command that was made for another version of what it changes. Absent means whatever is there. */
export const expectVersion = (expected: number | undefined, actual: number): void => {
  if (expected === undefined || expected === actual) return;
  throw new Rejected(
    'config.version-mismatch',
    `It is at version ${actual}, not ${expected}; read it again and send the change with If-Match "${actual}".`,
  );
};
