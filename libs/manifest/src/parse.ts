import { Manifest, type Problem } from '@molthub/contracts';
import { childPath } from './path.ts';
import { structureProblems } from './structure.ts';

/** A manifest out of any value, or everything that is wrong with its structure and form, each with its path. */
export const parseManifest = (
  value: unknown,
): { readonly manifest: Manifest } | { readonly problems: readonly Problem[] } => {
  // Structure first: the schema walks recursively and must never see what is nested without end.
  const problems = structureProblems(value);
  if (problems.length > 0) return { problems };
  const parsed = Manifest.safeParse(value);
  if (parsed.success) return { manifest: parsed.data };
  return { problems: parsed.error.issues.flatMap(problemsOf) };
};

type Issue = {
  readonly code?: string;
  readonly path: PropertyKey[];
  readonly message: string;
  readonly keys?: string[];
};

const problemsOf = (issue: Issue): readonly Problem[] => {
  const path = issue.path.reduce<string>(
    (parent, part) => childPath(parent, typeof part === 'number' ? part : String(part)),
    '',
  );
  if (issue.code === 'unrecognized_keys') {
    return (issue.keys ?? []).slice(0, 20).map((key) => ({
      path: childPath(path, key),
      code: 'config.unknown-field',
      message: `There is no such field in a manifest; remove it or correct its name.`,
    }));
  }
  return [{ path, code: 'config.invalid-field', message: `${issue.message}.`.replace(/\.\.$/, '.') }];
};
