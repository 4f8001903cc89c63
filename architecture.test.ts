// Holds the house up: layers, pure deciders, names, sizes, and that each service says in its README what it publishes.
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import * as contracts from './contracts/src/index.ts';
import {
  bannedFileNames,
  bannedWords,
  deciderImports,
  impure,
  layers,
  linesMax,
  ownFiles,
  readmeLinesMax,
  standardFiles,
} from './house.ts';

const root = import.meta.dirname;
const skipped = new Set(['node_modules', 'generated', 'dist', 'scratch', '.git']);
const isCode = (file: string) => /\.(?:tsx?|mjs)$/.test(file);
const isTest = (file: string) => /\.test\.tsx?$/.test(file);

const filesBelow = (folder: string): readonly string[] =>
  readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return skipped.has(entry.name) ? [] : filesBelow(path);
    return entry.isFile() ? [path] : [];
  });

const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const files = filesBelow('.');
const code = files.filter(isCode);
const texts = new Map(code.map((file) => [file, read(file)]));
const textOf = (file: string): string => texts.get(file) ?? '';

type Import = { readonly from: string; readonly isType: boolean };
const statement = /(?:^|\n)\s*(?:import|export)\s(?<what>[^;'"]*?)\sfrom\s+['"](?<from>[^'"]+)['"]/g;
const bare = /(?:^|\n)\s*import\s+['"](?<from>[^'"]+)['"]|\bimport\(\s*['"](?<lazy>[^'"]+)['"]\s*\)/g;
const importsOf = (file: string): readonly Import[] => [
  ...[...textOf(file).matchAll(statement)].map((match) => ({
    from: match.groups?.['from'] ?? '',
    isType: isTypeOnly(match.groups?.['what'] ?? ''),
  })),
  ...[...textOf(file).matchAll(bare)].map((match) => ({
    from: match.groups?.['from'] ?? match.groups?.['lazy'] ?? '',
    isType: false,
  })),
];
/** `type { … }`, or braces in which every name is marked as a type. */
const isTypeOnly = (what: string): boolean => {
  if (/^type\s/.test(what)) return true;
  const names = /^\{(?<names>[^}]*)\}$/.exec(what.trim())?.groups?.['names'];
  return names !== undefined && names.split(',').every((name) => name.trim() === '' || /^type\s/.test(name.trim()));
};

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;
const packageIn = (folder: string) => {
  const json: unknown = JSON.parse(read(`${folder}/package.json`));
  const namesIn = (key: string) => (isObject(json) && isObject(json[key]) ? Object.keys(json[key]) : []);
  const name = isObject(json) ? String(json['name']) : '';
  return { folder, name, dependencies: namesIn('dependencies'), devDependencies: namesIn('devDependencies') };
};
const packages = files
  .filter(
    (file) =>
      basename(file) === 'package.json' &&
      /^(?:contracts|e2e|bench|(?:libs|services|clients|deploy)\/[^/]+)\/package\.json$/.test(file),
  )
  .map((file) => packageIn(dirname(file)));
const folderOf = new Map(packages.map(({ name, folder }) => [name, folder]));
const packageOf = (specifier: string) => folderOf.get(specifier.split('/').slice(0, 2).join('/'));
const codeOf = (folder: string) => code.filter((file) => file.startsWith(`${folder}/`));
const services = packages.filter(({ folder }) => folder.startsWith('services/') && folder !== 'services/molthub');

describe('dependencies point down only', () => {
  test.each(packages)('$folder', ({ folder, name, dependencies, devDependencies }) => {
    const layer = layers.find((candidate) => candidate.folder.test(folder));
    expect(layer, `${folder} belongs to no layer`).toBeDefined();
    // What only tests use may be any lib: the servers to test on, the doors that libs open for tests.
    const mayUse = (used: string, isForTests: boolean) =>
      layer?.mayUse.test(used) || (isForTests && used.startsWith('libs/'));
    const declared = [
      ...dependencies.map((dependency) => ({ dependency, isForTests: false })),
      ...devDependencies.map((dependency) => ({ dependency, isForTests: true })),
    ].flatMap(({ dependency, isForTests }) => {
      const used = packageOf(dependency);
      return used === undefined || mayUse(used, isForTests) ? [] : [`package.json: ${dependency}`];
    });
    const imported = codeOf(folder).flatMap((file) =>
      importsOf(file).flatMap(({ from }) => {
        const used = from.startsWith('@molthub/') ? packageOf(from) : undefined;
        const isUp = used !== undefined && used !== folder && !mayUse(used, isTest(file));
        const isUnknown = from.startsWith('@molthub/') && used === undefined;
        const leaves = from.startsWith('.') && !join(dirname(file), from).startsWith(`${folder}/`);
        return isUp || isUnknown || (leaves && !isTest(file)) ? [`${file}: ${from}`] : [];
      }),
    );
    expect([...declared, ...imported], `what ${name} may not use`).toEqual([]);
  });

  test('libs make no circle', () => {
    const below = new Map(
      packages.map(({ folder, dependencies }) => [folder, dependencies.flatMap((d) => packageOf(d) ?? [])]),
    );
    const reaches = (from: string, to: string, seen: ReadonlySet<string>): boolean =>
      (below.get(from) ?? []).some(
        (next) => next === to || (!seen.has(next) && reaches(next, to, new Set([...seen, next]))),
      );
    expect([...below.keys()].filter((folder) => reaches(folder, folder, new Set()))).toEqual([]);
  });

  test('no service reads another one’s tables; only the gateway reads published views', () => {
    const views = /\b(config|policy|rollout|reconciler|health|trace|audit|gateway)_read\./g;
    const foreign = services
      .filter(({ folder }) => folder !== 'services/gateway')
      .flatMap(({ folder }) => codeOf(folder).filter((file) => !isTest(file)))
      .flatMap((file) =>
        [...textOf(file).matchAll(views)]
          .filter((match) => match[1] !== tokenOf(file.split('/').slice(0, 2).join('/')))
          .map((match) => `${file}: ${match[0]}`),
      );
    expect(foreign).toEqual([]);
  });

  test('subjects are made by the one builder of libs/bus', () => {
    const made = code.filter(
      (file) => !file.startsWith('libs/bus/') && !isTest(file) && /[`'"](?:evt|cmd)\.\$\{/.test(textOf(file)),
    );
    expect(made).toEqual([]);
  });
});

describe('deciders are pure', () => {
  const deciders = code.filter((file) => basename(file) === 'decider.ts' && file.startsWith('services/'));
  const impurities = (file: string, seen: Set<string>): readonly string[] => {
    if (seen.has(file)) return [];
    seen.add(file);
    const said = impure.exec(textOf(file));
    return [
      ...(said ? [`${file} says ${said[0]}`] : []),
      ...importsOf(file)
        .filter(({ isType }) => !isType)
        .flatMap(({ from }) => {
          if (from.startsWith('.')) return impurities(join(dirname(file), from), seen);
          return deciderImports.has(from) ? [] : [`${file} imports ${from}`];
        }),
    ];
  };
  test.each(deciders)('%s', (file) => expect(impurities(file, new Set())).toEqual([]));
  test.each(deciders)('%s has its test beside it', (file) => {
    const tests = code.filter((other) => isTest(other) && other.startsWith(file.split('/').slice(0, 3).join('/')));
    expect(tests.some((other) => textOf(other).includes('decider.ts'))).toBe(true);
  });
});

describe('files', () => {
  test('are named in kebab-case, as their thing', () => {
    const name = /^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.(?:test|int\.test|config|conformance))?\.(?:tsx?|mjs)$/;
    const wrong = code.filter(
      (file) => !name.test(basename(file)) || bannedFileNames.test(basename(file).replace(/\..*$/, '')),
    );
    expect(wrong).toEqual([]);
  });
  test(`have at most ${linesMax} lines`, () => {
    const long = code
      .map((file) => ({ file, lines: textOf(file).split('\n').length - 1 }))
      .filter(({ lines }) => lines > linesMax);
    expect(long).toEqual([]);
  });
  test('name nothing after what it is not', () => {
    expect(code.flatMap((file) => (bannedWords.exec(textOf(file)) ?? []).map((word) => `${file}: ${word}`))).toEqual(
      [],
    );
  });
  test('read the environment in env.ts only', () => {
    const reads = /\bprocess\.env\b|\{[^}]*\benv\b[^}]*\}\s+from\s+'node:process'/;
    const allowed = (file: string) =>
      basename(file) === 'env.ts' || isTest(file) || /^(?:bench|bootstrap)\//.test(file);
    const itself = new Set(['architecture.test.ts', 'house.ts']);
    expect(code.filter((file) => !allowed(file) && !itself.has(file) && reads.test(textOf(file)))).toEqual([]);
  });
});

describe('a service', () => {
  test.each(services)('$folder is made of the files of the house', ({ folder }) => {
    const name = basename(folder);
    const own = ownFiles[name] ?? [];
    const strange = codeOf(`${folder}/src`)
      .filter((file) => !isTest(file))
      .map((file) => relative(`${folder}/src`, file).replace(/\.ts$/, ''))
      .filter(
        (file) =>
          !standardFiles.has(basename(file)) && !own.some((o) => o === file || (o.endsWith('/') && file.startsWith(o))),
      );
    expect(strange, 'name them in house.ts if only this service is for them').toEqual([]);
    expect(files).toContain(`${folder}/src/service.ts`);
  });

  test.each(services)('$folder tells in its README, in a few lines, exactly what it publishes', ({ folder }) => {
    const readme = read(`${folder}/README.md`);
    expect(readme.trimEnd().split('\n').length).toBeLessThanOrEqual(readmeLinesMax);
    const token = tokenOf(folder);
    const published = publishedBy(folder, token);
    const told = [...readme.matchAll(/`([^`\n]+)`/g)]
      .flatMap((match) => expanded(match[1] ?? ''))
      .filter((name) => name.startsWith(`${token}.`));
    const patterns = told.map((name) => ({ name, pattern: patternOf(name) }));
    const untold = published.filter((type) => !patterns.some(({ pattern }) => pattern.test(type)));
    const untrue = patterns.filter(
      ({ pattern }) => ![...published, `${token}.message.parked.v1`].some((type) => pattern.test(type)),
    );
    expect({ untold, untrue: untrue.map(({ name }) => name) }).toEqual({ untold: [], untrue: [] });
  });

  test('publishes every event that is declared for it', () => {
    const unsaid = services.flatMap(({ folder }) => {
      const token = tokenOf(folder);
      const said = publishedBy(folder, token);
      return declaredFor(token)
        .filter(({ type }) => !said.includes(type))
        .map(({ type }) => type);
    });
    expect(unsaid).toEqual([]);
  });
});

/** The word for a service in names of messages, schemas and streams. */
function tokenOf(folder: string): string {
  return basename(folder) === 'trace-ingest' ? 'trace' : basename(folder);
}

/** Events of a service but those that every service says of its own running. */
function declaredFor(token: string): readonly { readonly name: string; readonly type: string }[] {
  const exported: readonly (readonly [string, unknown])[] = Object.entries(contracts);
  return exported.flatMap(([name, value]) => {
    const isOwn = isObject(value) && value['kind'] === 'event' && String(value['type']).startsWith(`${token}.`);
    return isOwn ? [{ name, type: String(value['type']) }] : [];
  });
}

/** Declared events that the service's code says, by their name or by their type. */
function publishedBy(folder: string, token: string): readonly string[] {
  const text = codeOf(`${folder}/src`)
    .filter((file) => !isTest(file))
    .map(textOf)
    .join('\n');
  return declaredFor(token)
    .filter(({ name, type }) => text.includes(`'${type}'`) || new RegExp(`\\b${name}\\b`).test(text))
    .map(({ type }) => type);
}

/** `a.{b,c}` is `a.b` and `a.c`. */
function expanded(text: string): readonly string[] {
  const braces = /^(?<before>[^{]*)\{(?<list>[^}]*)\}(?<after>.*)$/.exec(text)?.groups;
  if (!braces) return [text];
  const { before = '', list = '', after = '' } = braces;
  return list.split(',').flatMap((item) => expanded(before + item.trim() + after));
}

function patternOf(name: string): RegExp {
  const escaped = name
    .replace(/\.v\d+$/, '')
    .replaceAll('.', '\\.')
    .replaceAll('*', '[a-z.-]+');
  return new RegExp(`^${escaped}\\.v\\d+$`);
}
