import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/** Tests that need neither root nor btrfs, and together less than a minute: `npm run check`. */
const unit = [
  'archive',
  'failure',
  'ledger',
  'manifest',
  'names',
  'operations',
  'process',
  'report',
]
  .concat(['sendstream', 'store', 'structure', 'tree', 'zstd'])
  .map((folder) => `test/${folder}/**/*.test.ts`);

/** Slow, or about the built program rather than what runs in the process of the test. */
const notUnit = ['operations/verify/*', 'archive/read/samples', 'archive/read/catalog']
  .concat([
    'zstd/decompress-any',
    'zstd/engine',
    'store/directory/lock',
    'store/s3/{s3-store,faults}',
  ])
  .map((name) => `test/${name}.test.ts`);

const isUnit = process.env.BTRFERRY_TESTS === 'unit';

export default defineConfig({
  test: {
    globalSetup: 'test/build.mjs',
    include: isUnit ? unit : ['test/**/*.test.ts'],
    exclude: isUnit ? notUnit : [],
    // The receipts that tests remember must not reach those of the user. The teardown removes them.
    env: { XDG_STATE_HOME: join(tmpdir(), `btrferry-state-${process.pid}`) },
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    coverage: {
      enabled: isUnit,
      include: ['src/**/*.ts'],
      // They need an object store, several drives, or a real stream, which their own tests bring.
      exclude: ['src/store/s3/**', 'src/archive/write/{spanning,reserve}.ts'].concat([
        'src/operations/export/span.ts',
        'src/operations/import/media.ts',
        'src/operations/salvage/**',
        'src/operations/verify/segments.ts',
        'src/archive/read/{gathering,remnants}.ts',
        'src/tree/{rescue,rescued}.ts',
      ]),
      reporter: ['text-summary', 'json-summary'],
      reportOnFailure: true,
      // Percentages that only rise: raise them with what a change covers.
      thresholds: {
        lines: 65,
        branches: 60,
        'src/archive/write/**': { lines: 89 },
        'src/archive/graph/**': { lines: 95 },
        'src/sendstream/**': { lines: 95 },
        'src/manifest/**': { lines: 95 },
      },
    },
  },
});
