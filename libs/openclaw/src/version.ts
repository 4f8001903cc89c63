// Which OpenClaw versions may be named: exact ones only, so that two installs of one manifest are the same bytes.
import { type Reason, Rejected } from '@molthub/decider';

const PINNED_VERSION = /^\d{4}\.\d{1,4}\.\d{1,4}(-\d{1,3})?$/;

export function isPinnedVersion(version: string): boolean {
  return PINNED_VERSION.test(version);
}

/** Refuses tags, ranges, aliases, URLs, paths and anything else that npm would resolve to something unforeseen. */
export function assertPinnedVersion(version: string): void {
  if (isPinnedVersion(version)) return;
  throw new Rejected('openclaw.version-not-pinned', `"${version.slice(0, 60)}" is no exact OpenClaw version`, [
    versionReason('not-pinned', 'Write an exact version such as 2026.9.6, not a tag, range or address.'),
  ]);
}

/** What is wrong with a version, at the place in the manifest where the user wrote it. */
export function versionReason(code: string, message: string): Reason {
  return { path: 'spec.runtime.version', code, message };
}
