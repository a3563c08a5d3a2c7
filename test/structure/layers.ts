import type { IForbiddenRuleType } from 'dependency-cruiser';

/**
 * The layers of src/, ground floor first, with what each imports from. A layer imports from those
 * before it only, and of these only from the ones named.
 */
export const layers: Readonly<Record<string, readonly string[]>> = {
  failure: [],
  names: [],
  sendstream: ['failure', 'names'],
  zstd: ['failure'],
  parity: [],
  manifest: ['failure', 'names', 'zstd'],
  store: ['failure'],
  archive: ['failure', 'names', 'sendstream', 'zstd', 'parity', 'manifest', 'store'],
  process: ['failure', 'names'],
  btrfs: ['failure', 'sendstream', 'names', 'process'],
  ledger: ['failure', 'manifest', 'store', 'archive'],
  tree: ['failure', 'names', 'sendstream', 'manifest', 'btrfs'],
  events: ['failure', 'names'],
  operations: [
    'failure',
    'sendstream',
    'zstd',
    'manifest',
    'names',
    'store',
    'archive',
    'process',
    'btrfs',
    'tree',
    'ledger',
    'events',
  ],
  report: ['failure', 'names', 'events'],
  cli: ['failure', 'names', 'process', 'ledger', 'events', 'operations', 'report'],
};

/** Each package the program needs, and the one layer that knows it. */
export const packages: Readonly<Record<string, string>> = {
  '@node-rs/crc32': 'sendstream',
  'xxhash-wasm': 'zstd',
  'zstd-codec': 'zstd',
  'fs-native-extensions': 'store',
  '@aws-sdk/client-s3': 'store',
  'tar-stream': 'store',
  execa: 'process',
  koffi: 'btrfs',
  'log-update': 'report',
  'p-map': 'store',
  piscina: 'tree',
  'slice-ansi': 'report',
  'string-width': 'report',
  'wrap-ansi': 'report',
  commander: 'cli',
};

/** Those that only the build needs, and the files that it runs. */
export const buildPackages: Readonly<Record<string, readonly string[]>> = {
  ajv: ['src/manifest/compile.ts'],
  wabt: ['src/parity/assemble.ts'],
  typebox: [
    'src/manifest/schema.ts',
    'src/manifest/schema-definitions.ts',
    'src/manifest/schema-fingerprint.ts',
  ],
};

/** Modules of Node.js that only some layers may use. */
const platform: Readonly<Record<string, readonly string[]>> = {
  child_process: ['process'],
  diagnostics_channel: ['process'],
  zlib: ['zstd', 'parity'],
  worker_threads: ['zstd', 'parity', 'btrfs'],
};

/**
 * Who may use the filesystem: the store, where archives lie; btrfs, where subvolumes do; and the
 * files named here, none of which reads or writes a byte of an archive.
 */
const filesystem = [
  '^src/store/',
  '^src/btrfs/',
  // The current directory.
  '^src/names/path\\.ts$',
  // The files of a snapshot or of a copy.
  '^src/tree/(inodes|contents|digest-thread)\\.ts$',
  // The directory to import into, which is the destination's, and names in it.
  '^src/operations/import/(facts|directory|temporary)\\.ts$',
  // The report beside what is left of a damaged stream, at the destination.
  '^src/operations/salvage/report-file\\.ts$',
  // A stream in a file, or in a pipe, which need not belong to any archive.
  '^src/operations/inspect/file\\.ts$',
  // /proc/filesystems.
  '^src/operations/doctor/checks\\.ts$',
  // The validators that the build makes from the schemas.
  '^src/manifest/compile\\.ts$',
  // The module that the build makes from its source.
  '^src/parity/assemble\\.ts$',
  // stdout and stderr.
  '^src/report/descriptor\\.ts$',
  // The version, whether what the command line names is a file, and /proc/self/cmdline.
  '^src/cli/(main|arguments)\\.ts$',
];

const core = (name: string) => ({
  path: `^(node:)?${name}(/|$)`,
  dependencyTypes: ['core' as const],
});

const order = Object.keys(layers);

export const rules: IForbiddenRuleType[] = [
  ...order.map((layer): IForbiddenRuleType => {
    const allowed = [layer, ...(layers[layer] ?? [])];
    return {
      name: `layer-${layer}`,
      severity: 'error',
      from: { path: `^src/${layer}/` },
      to: { path: '^src/', pathNot: `^src/(${allowed.join('|')})/` },
    };
  }),
  {
    name: 'no-other-layer',
    severity: 'error',
    from: { path: '^src/', pathNot: `^src/(${order.join('|')})/` },
    to: {},
  },
  { name: 'no-circle', severity: 'error', from: { path: '^src/' }, to: { circular: true } },
  {
    name: 'nothing-but-src',
    severity: 'error',
    from: { path: '^src/' },
    // The second is what the build makes of the schemas.
    to: {
      dependencyTypes: ['local'],
      pathNot: '^(src/|dist/manifest/validators\\.js$|dist/parity/kernel\\.js$)',
    },
  },
  {
    name: 'no-schema-at-run-time',
    severity: 'error',
    // A declaration can only import types.
    from: { path: '^src/', pathNot: ['^src/manifest/(schema.*|compile)\\.ts$', '\\.d\\.ts$'] },
    to: { path: '^src/manifest/(schema.*|compile)\\.ts$', dependencyTypesNot: ['type-only'] },
  },
  ...Object.entries(buildPackages).map(
    ([name, files]): IForbiddenRuleType => ({
      name: `only-the-build-knows-${name}`,
      severity: 'error',
      from: { path: '^src/', pathNot: files.map((file) => `^${file}$`) },
      to: { path: `(^|node_modules/)${name}(/|$)`, dependencyTypesNot: ['local'] },
    }),
  ),
  ...Object.entries(packages).map(
    ([name, layer]): IForbiddenRuleType => ({
      name: `only-${layer}-knows-${name}`,
      severity: 'error',
      from: { path: '^src/', pathNot: `^src/${layer}/` },
      to: { path: `(^|node_modules/)${name}(/|$)`, dependencyTypesNot: ['local'] },
    }),
  ),
  {
    name: 'only-known-packages',
    severity: 'error',
    from: { path: '^src/' },
    to: {
      dependencyTypesNot: ['core', 'local'],
      pathNot: `(^|node_modules/)(${Object.keys({ ...packages, ...buildPackages }).join('|')})(/|$)`,
    },
  },
  ...Object.entries(platform).map(
    ([name, knowing]): IForbiddenRuleType => ({
      name: `only-${knowing.join('-and-')}-knows-${name}`,
      severity: 'error',
      from: { path: '^src/', pathNot: `^src/(${knowing.join('|')})/` },
      to: core(name),
    }),
  ),
  {
    name: 'filesystem',
    severity: 'error',
    from: { path: '^src/', pathNot: filesystem },
    to: core('fs'),
  },
  {
    name: 'sendstream-does-no-io',
    severity: 'error',
    from: { path: '^src/sendstream/' },
    to: { dependencyTypes: ['core'], pathNot: '^(node:)?buffer$' },
  },
  {
    name: 'no-way-around-report',
    severity: 'error',
    from: { path: '^src/', pathNot: '^src/report/' },
    to: core('(process|console|tty|readline)'),
  },
];
