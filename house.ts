// What architecture.test.ts holds the house to: who may depend on whom, and which files a service is made of.

/** Packages by folder, from the bottom up. A package depends on its own layer (libs) and the ones named, never upwards. */
export const layers: readonly { readonly folder: RegExp; readonly mayUse: RegExp }[] = [
  { folder: /^contracts$/, mayUse: /^$/ },
  { folder: /^libs\//, mayUse: /^(?:contracts$|libs\/)/ },
  // Only the program composes services.
  { folder: /^services\/molthub$/, mayUse: /^(?:contracts$|libs\/|services\/)/ },
  { folder: /^services\//, mayUse: /^(?:contracts$|libs\/)/ },
  { folder: /^clients\//, mayUse: /^contracts$/ },
  // What others run beside Molthub; only its tests start services.
  { folder: /^deploy\//, mayUse: /^(?:contracts$|services\/)/ },
  { folder: /^(?:e2e|bench)$/, mayUse: /^(?:contracts$|libs\/|services\/|clients\/|deploy\/)/ },
];

/** What a decider, and every file it reaches, may import by value. Types may come from anywhere: they are gone at run time. */
export const deciderImports = new Set([
  '@molthub/contracts',
  '@molthub/decider',
  '@molthub/identity',
  '@molthub/layers',
  '@molthub/manifest',
  '@molthub/statistics',
  'canonicalize',
  'croner',
  'node:crypto',
  'zod',
]);

/** Clocks, chance and ids of their own: words that no decider, and no file it reaches, may say. */
export const impure =
  /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bperformance\.now\b|\brandom(?:UUID|Bytes|Int)\b|\bnewId\b/;

/** The files of every service; a second aggregate is a folder of the same names. */
export const standardFiles = new Set([
  'decider',
  'env',
  'jobs',
  'listeners',
  'main',
  'migrations',
  'prepare',
  'projection',
  'queries',
  'reactions',
  'service',
]);

/** What only this service is for: files, and folders (ending in `/`) whose files are told apart by their names. */
export const ownFiles: Readonly<Record<string, readonly string[]>> = {
  audit: ['entry', 'merkle', 'merkle-proof', 'record', 'redact', 'tree'],
  config: [
    'bot/check-manifest',
    'bot/conclude',
    'bot/prepared',
    'bot/state',
    'bot/testing',
    'default-workspace',
    'engine-config',
    'expected-version',
    'layers/',
    'template/builtin-templates',
    'template/fill',
    'template/preview',
  ],
  gateway: [
    'admin-key',
    'api-key/secret',
    'cloud-event',
    'dispatch',
    'docs-page',
    'event-stream',
    'exposed-metrics',
    'feed',
    'gateway',
    'idempotency',
    'listing',
    'live',
    'live-session',
    'openapi',
    'openapi-document',
    'operations',
    'outcome',
    'principal',
    'rate-limit',
    'read-side',
    'refusals',
    'register',
    'route',
    'routes/',
    'signing-key/signing-key',
    'subjects',
    'tickets',
    'world',
  ],
  health: ['ask', 'judge', 'prober', 'readings', 'roll-up', 'targets', 'wake', 'watch'],
  policy: [
    'builtin-packs',
    'choose',
    'conflicts',
    'dry-run',
    'evaluate',
    'expected-version',
    'fix',
    'gently',
    'known-packs',
    'pack',
    'rule-reference',
    'rules/',
    'sweep',
    'violation/difference',
    'waivers',
  ],
  reconciler: [
    'act',
    'bot',
    'bot-row',
    'fleets',
    'healing',
    'heap',
    'plan',
    'queue',
    'reconcile',
    'reconcile-job',
    'report',
    'simulator/aggregate',
    'simulator/simulator',
    'target',
    'target.conformance',
    'targets/',
    'timeline',
    'workers',
  ],
  rollout: [
    'advance',
    'bots-under-test',
    'catalog',
    'course/',
    'gathering',
    'judging/',
    'kept',
    'last-converged',
    'looks',
    'plan',
    'planning/',
    'prepare',
    'progress',
    'replica-main',
    'replica-under-test',
    'segment',
    'testing',
    'verdict-age',
    'wake',
  ],
  'trace-ingest': [
    'attribute-json',
    'chaos/',
    'builtin-prices',
    'classify',
    'fingerprint',
    'fleet-settings',
    'forward/',
    'ingest/',
    'manual-trace/aggregate',
    'manual-trace/store-ended',
    'many-spans',
    'named-secrets',
    'otlp/',
    'price-table/open-prices',
    'prices',
    'redact',
    'redaction-patterns',
    'redaction-rules',
    'retention',
    'runaway/find-runaways',
    'runaway/say-runaways',
    'span-record',
    'sweep',
    'testing',
    'trust',
    'usage',
    'windows',
  ],
};

/** Names that say nothing. */
export const bannedFileNames =
  /^(?:utils?|helpers?|common|misc|shared|types|interfaces|lib|base|.*-(?:utils?|helpers?|manager|impl))$/;
export const bannedWords =
  /^(?:export )?(?:class|interface|type|const|function) (?:\w+(?:Manager|Impl|Helpers?|Utils?)|I[A-Z][a-z]\w*)\b/m;

export const linesMax = 400;
export const readmeLinesMax = 15;
