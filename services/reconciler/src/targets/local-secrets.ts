// The values behind `spec.secrets`, for the bot's process alone: never in an event, a log line or a hash.
import { readFile, realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { type ResolvedManifest, WorkspaceSlug } from '@molthub/contracts';
import { Rejected } from '@molthub/decider';

type References = NonNullable<ResolvedManifest['spec']['secrets']>;

export type SecretPlaces = {
  readonly home: string;
  /** Whose bot it is: a file is there for the bots of one workspace. */
  readonly workspace: string;
  /** What provider `env` may hand out: the variables that the operator named for it. */
  readonly secretEnv: Readonly<Record<string, string>>;
};

/**
 * Throws `Rejected` naming each secret that is not there; `file` keys are below `<home>/bot-secrets/<workspace>`. Never
 * below `<home>/secrets`: what lies there is Molthub's own, and every API key follows from it.
 */
export const resolveSecrets = async (
  references: References,
  places: SecretPlaces,
): Promise<Readonly<Record<string, string>>> => {
  const found = await Promise.all(references.map((reference) => valueOf(reference, places)));
  const reasons = found.flatMap((one) => ('reason' in one ? [one.reason] : []));
  if (reasons.length > 0)
    throw new Rejected('reconciler.secret-missing', 'A secret of this bot is not there.', reasons);
  return Object.fromEntries(found.flatMap((one) => ('value' in one ? [[one.name, one.value]] : [])));
};

const valueOf = async ({ name, provider, key }: References[number], places: SecretPlaces) => {
  const missing = (message: string) => ({ reason: { path: `spec.secrets.${name}`, code: 'missing', message } });
  if (provider === 'env') {
    const value = Object.hasOwn(places.secretEnv, key) ? places.secretEnv[key] : undefined;
    if (value !== undefined) return { name, value };
    return missing(`Set ${key} in Molthub's environment and name it in MOLTHUB_BOT_ENV there.`);
  }
  if (provider === 'file') {
    const folder = join('bot-secrets', WorkspaceSlug.parse(places.workspace));
    const value = await fileBelow(join(places.home, folder), key);
    return value === null ? missing(`Put the file ${key} below ${folder} in Molthub's home.`) : { name, value };
  }
  return missing(`The provider ${provider} is not available for target local; use env or file.`);
};

/** The resolved path decides, so that no link and no `..` leads out. */
const fileBelow = async (folder: string, key: string): Promise<string | null> => {
  try {
    const [root, path] = await Promise.all([realpath(folder), realpath(join(folder, key))]);
    return path.startsWith(root + sep) ? (await readFile(path, 'utf8')).trimEnd() : null;
  } catch (error) {
    if (error instanceof Error && 'code' in error && ['ENOENT', 'ENOTDIR', 'EISDIR'].includes(String(error.code)))
      return null;
    throw error;
  }
};
