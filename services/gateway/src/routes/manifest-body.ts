// A manifest in a request: checked here as config checks it, so that its errors are the same at every door.
import { Manifest } from '@molthub/contracts';
import { HttpProblem } from '@molthub/http';
import { parseManifest } from '@molthub/manifest';

/** What the document shows of a manifest. */
export const ShownManifest = Manifest;

/** The manifest, or 400 with everything that is wrong with it; paths start at the manifest. */
export const manifestOf = (value: unknown): Manifest => {
  const parsed = parseManifest(value);
  if ('manifest' in parsed) return parsed.manifest;
  const [first] = parsed.problems;
  throw new HttpProblem({
    status: 400,
    code: 'config.manifest-invalid',
    detail: first ? `${first.path || 'manifest'}: ${first.message}` : 'This is no manifest.',
    errors: parsed.problems.slice(0, 100),
  });
};
