import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { withDirectory } from '../filesystem.ts';
import { breaches } from './cruise.ts';
import { layers, packages } from './layers.ts';
import { repository, sources } from './sources.ts';

test('each layer imports only from those below it', () => {
  const order = Object.keys(layers);
  for (const [layer, below] of Object.entries(layers)) {
    for (const other of below) {
      expect(order.indexOf(other), `${layer} imports ${other}`).toBeLessThan(order.indexOf(layer));
    }
  }
});

test('no import in src breaks a rule', async () => {
  const { files, found } = await breaches(repository);
  expect(found).toEqual([]);
  expect(files.sort()).toEqual(sources().sort());
});

test('every runtime dependency belongs to a layer, and is used there', () => {
  const { dependencies } = JSON.parse(
    readFileSync(path.join(repository, 'package.json'), 'utf8'),
  ) as { dependencies: Record<string, string> };
  expect(Object.keys(packages).sort()).toEqual(Object.keys(dependencies).sort());
  for (const [name, layer] of Object.entries(packages)) {
    const quoted = new RegExp(`['"]${name}(/[^'"]*)?['"]`);
    const users = sources(`src/${layer}`).filter((file) =>
      quoted.test(readFileSync(path.join(repository, file), 'utf8')),
    );
    expect(users, `${name} in src/${layer}`).not.toEqual([]);
  }
});

/** Files that break exactly one rule, by the name of the rule. */
const wrong: Record<string, Record<string, string>> = {
  'layer-failure': {
    'src/failure/failure.ts': "import { a } from '../store/store.ts'; a();",
    'src/store/store.ts': 'export const a = () => {};',
  },
  'layer-archive': {
    'src/archive/draft.ts': "import { send } from '../btrfs/send.ts'; send();",
    'src/btrfs/send.ts': 'export const send = () => {};',
  },
  'layer-btrfs': {
    'src/btrfs/send.ts': "import type { Store } from '../store/store.ts'; export type A = Store;",
    'src/store/store.ts': 'export type Store = 1;',
  },
  'layer-operations': {
    'src/operations/run.ts': "export const a = () => import('../report/choose.ts');",
    'src/report/choose.ts': 'export const a = 1;',
  },
  'layer-report': {
    'src/report/choose.ts': "export const a = () => import('../operations/run.ts');",
    'src/operations/run.ts': 'export const a = 1;',
  },
  'no-other-layer': {
    'src/helpers/a.ts': "import { a } from '../failure/failure.ts'; a();",
    'src/failure/failure.ts': 'export const a = () => {};',
  },
  'no-circle': {
    'src/operations/plan.ts': "import type { A } from './refusal.ts'; export type B = A;",
    'src/operations/refusal.ts': "import type { B } from './plan.ts'; export type A = B | 1;",
  },
  'nothing-but-src': {
    'src/cli/main.ts': "import { a } from '../../test/a.ts'; a();",
    'test/a.ts': 'export const a = () => {};',
  },
  'only-process-knows-execa': {
    'src/operations/run.ts': "import { execa } from 'execa'; execa('true');",
  },
  'only-process-knows-child_process': {
    'src/store/mount.ts': "import { spawn } from 'node:child_process'; spawn('mount');",
  },
  'only-zstd-knows-zstd-codec': {
    'src/archive/part.ts': "import { ZstdCodec } from 'zstd-codec'; ZstdCodec.run();",
  },
  'only-zstd-and-parity-and-btrfs-knows-worker_threads': {
    'src/store/read.ts': "import { Worker } from 'node:worker_threads'; new Worker('');",
  },
  'only-zstd-and-parity-knows-zlib': {
    'src/archive/part.ts': "import { zstdCompress } from 'node:zlib'; zstdCompress('');",
  },
  'only-the-build-knows-ajv': {
    'src/manifest/document.ts': "import { Ajv2020 } from 'ajv/dist/2020.js'; new Ajv2020();",
  },
  'no-schema-at-run-time': {
    'src/manifest/document.ts': "import { schema } from './schema.ts'; export const a = schema;",
    'src/manifest/schema.ts': 'export const schema = 1;',
  },
  'only-known-packages': {
    'src/cli/main.ts': "import fc from 'fast-check'; fc.assert();",
  },
  filesystem: {
    'src/operations/export/run.ts': "import { open } from 'node:fs/promises'; open('part');",
  },
  'sendstream-does-no-io': {
    'src/sendstream/reader.ts': "import { Readable } from 'node:stream'; Readable.from([]);",
  },
  'no-way-around-report': {
    'src/operations/run.ts': "import { stdout } from 'node:process'; stdout.write('');",
  },
};

test.each(Object.entries(wrong))('a breach of %s is found', async (rule, files) => {
  const folder = withDirectory();
  symlinkSync(path.join(repository, 'node_modules'), path.join(folder, 'node_modules'));
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(path.join(folder, path.dirname(file)), { recursive: true });
    writeFileSync(path.join(folder, file), text);
  }
  const { found } = await breaches(folder);
  expect(new Set(found.map((breach) => breach.rule))).toEqual(new Set([rule]));
});
