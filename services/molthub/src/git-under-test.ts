// A git repository of documents, in a folder of a test.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type Repository = {
  readonly folder: string;
  readonly git: (...args: string[]) => string;
  /** Writes documents into one file; folders above it are made. */
  readonly write: (name: string, ...documents: string[]) => void;
  /** Commits everything, and answers the commit. */
  readonly commit: (message?: string) => string;
};

export const openRepository = (folder: string): Repository => {
  mkdirSync(folder, { recursive: true });
  const as = ['-C', folder, '-c', 'user.name=t', '-c', 'user.email=t@t'];
  const git = (...args: string[]) => String(execFileSync('git', [...as, ...args], { stdio: 'pipe' })).trim();
  git('init', '-q', '-b', 'main');
  return {
    folder,
    git,
    write: (name, ...documents) => {
      mkdirSync(join(folder, name, '..'), { recursive: true });
      writeFileSync(join(folder, name), documents.join('---\n'));
    },
    commit: (message = 'a change') => {
      git('add', '-A');
      git('commit', '-qm', message);
      return git('rev-parse', 'HEAD');
    },
  };
};
