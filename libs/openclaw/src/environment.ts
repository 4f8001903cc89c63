// The environment a bot's process gets: a short list, built from nothing. Molthub's own is never handed on.
import { dirname, join } from 'node:path';
import { type Reason, Rejected } from '@molthub/decider';

/** Where one bot lives. `root` is the folder of the bot; all others are below it. */
export type BotDirs = {
  readonly root: string;
  readonly state: string;
  readonly home: string;
  readonly temporary: string;
  readonly workspace: string;
  readonly configFile: string;
  readonly logFile: string;
  readonly processLogFile: string;
};

export function botDirs(root: string): BotDirs {
  return {
    root,
    state: join(root, 'state'),
    home: join(root, 'home'),
    temporary: join(root, 'tmp'),
    workspace: join(root, 'state', 'workspace'),
    configFile: join(root, 'openclaw.json'),
    logFile: join(root, 'bot.log'),
    processLogFile: join(root, 'process.log'),
  };
}

export type BotEnvironment = {
  readonly dirs: Pick<BotDirs, 'state' | 'home' | 'temporary' | 'configFile'>;
  readonly node: string;
  /** A bot without channels must not start any, whatever its plugins think. */
  readonly hasChannels: boolean;
  /** The manifest's `spec.env`, with secrets already resolved. */
  readonly env?: Readonly<Record<string, string>>;
  /** The machine's environment; only language, time zone and certificate files are taken from it. */
  readonly machineEnv?: Readonly<Record<string, string | undefined>>;
};

const FROM_MACHINE = ['LANG', 'LC_ALL', 'TZ', 'NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR'];
const SYSTEM_PATH = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
const NAMES_MAX = 100;
const VALUE_CHARACTERS_MAX = 32_768;

/** Names that would change which code runs, where traffic goes, or what Molthub itself decides. */
const REFUSED = [
  /^(node|npm|nvm|pnpm|yarn|corepack|openclaw|clawdbot|moltbot|molthub|git|ld|dyld)_/i,
  /^(bash|zsh|python|perl|ruby|java|jdk|gem|ssl|openssl|ssh|malloc|glibc|electron|xdg)_/i,
  /^(path|home|shell|user|logname|tmpdir|tmp|temp|pwd|oldpwd|ifs|env|ps4|prompt_command|cdpath|fpath)$/i,
  /^(globignore|shellopts|bashopts|editor|visual|pager|systemroot|comspec|pathext|locpath|nlspath)$/i,
  /^(_java_options|pythonpath|pythonhome|perl5lib|perl5opt|perllib|rubyopt|rubylib)$/i,
  /^(gconv_path|hostaliases|localdomain|database_url|nats_url|pg[a-z]*|do_not_track)$/i,
  /^(.*_proxy|curl_ca_bundle|requests_ca_bundle)$/i,
];

/** What is wrong with the names and values of a manifest's `spec.env`. */
export function environmentReasons(env: Readonly<Record<string, string>>): readonly Reason[] {
  const names = Object.keys(env);
  const tooMany = { path: 'spec.env', code: 'too-many', message: `At most ${NAMES_MAX} variables are allowed.` };
  const reasons = names.slice(0, NAMES_MAX).flatMap((name): Reason[] => {
    const path = `spec.env.${name.slice(0, 60)}`;
    if (!/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(name)) {
      return [{ path, code: 'bad-name', message: 'Use letters, digits and _, not starting with a digit.' }];
    }
    if (REFUSED.some((pattern) => pattern.test(name))) {
      return [{ path, code: 'reserved-name', message: `${name} decides how the process itself runs; remove it.` }];
    }
    const value = env[name] ?? '';
    if (value.includes('\0')) return [{ path, code: 'bad-value', message: 'The value contains a NUL character.' }];
    if (value.length <= VALUE_CHARACTERS_MAX) return [];
    return [{ path, code: 'too-long', message: `The value is longer than ${VALUE_CHARACTERS_MAX} characters.` }];
  });
  return names.length > NAMES_MAX ? [...reasons, tooMany] : reasons;
}

/** Builds the whole environment of a bot. Throws `Rejected` when `env` names something reserved. */
export function botEnvironment(wanted: BotEnvironment): Readonly<Record<string, string>> {
  const reasons = environmentReasons(wanted.env ?? {});
  if (reasons.length > 0)
    throw new Rejected('openclaw.env-refused', 'spec.env has variables a bot may not set', reasons);
  const machine = FROM_MACHINE.flatMap((name) => {
    const value = wanted.machineEnv?.[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    ...Object.fromEntries(machine),
    ...wanted.env,
    PATH: [dirname(wanted.node), ...SYSTEM_PATH].join(':'),
    HOME: wanted.dirs.home,
    TMPDIR: wanted.dirs.temporary,
    OPENCLAW_STATE_DIR: wanted.dirs.state,
    OPENCLAW_CONFIG_PATH: wanted.dirs.configFile,
    OPENCLAW_NO_RESPAWN: '1',
    OPENCLAW_NO_AUTO_UPDATE: '1',
    OPENCLAW_DISABLE_BONJOUR: '1',
    OPENCLAW_EXEC_SHELL_SNAPSHOT: '0',
    DO_NOT_TRACK: '1',
    ...(wanted.hasChannels ? {} : { OPENCLAW_SKIP_CHANNELS: '1' }),
  };
}
