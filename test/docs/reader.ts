import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { checkOut, copyPackages } from '../checkout.ts';
import { withBtrfs, withDirectory, withExt4 } from '../filesystem.ts';
import { storeOn } from '../objectstore/objectstore.ts';
import { startSwift } from '../objectstore/swift.ts';
import { repository } from '../structure/sources.ts';
import { type Block, prints } from './document.ts';

/**
 * Does what a document says, as root, in a mount namespace of its own: there, /mnt/data is a
 * btrfs with a subvolume `home`, /mnt/backup another that is empty, and /mnt/usb and /mnt/second the
 * drives between them. The working directory is a checkout of this repository; `npm install --global` installs
 * aside. If the document names a place in an object store, one runs, with an empty bucket `ferry`.
 * Each block is a shell of its own, which ends at the first command that fails.
 *
 * @returns the first thing that was not as the document says; undefined where all was.
 */
// Long: the mounts, the script and its environment belong together.
export async function follow(
  document: string,
  blocks: readonly Block[],
): Promise<string | undefined> {
  const work = withDirectory();
  const checkout = path.join(work, 'btrferry');
  checkOut(checkout);
  if (blocks.some(({ commands }) => /\bnp[mx]\b/.test(commands))) copyPackages(checkout);
  const bin = path.join(work, 'bin');
  mkdirSync(bin);
  symlinkSync(path.join(repository, 'dist/cli/main.js'), path.join(bin, 'btrferry'));
  const prefix = path.join(work, 'global');

  const mounts = [
    ['data', withSource()],
    ['backup', withBtrfs({ size: 1024 ** 3 }).mount],
    ['usb', withExt4({ size: 256 * 1024 ** 2 }).mount],
    ['second', withExt4({ size: 256 * 1024 ** 2 }).mount],
  ] as const;
  const script = [
    'set -eu',
    'mount -t tmpfs none /mnt',
    ...mounts.map(([name, mount]) => `mkdir /mnt/${name}; mount --bind ${mount} /mnt/${name}`),
    `cd ${checkout}`,
    ...blocks.flatMap(({ commands, exit }, at) => {
      const file = path.join(work, `${at}`);
      writeFileSync(`${file}.sh`, `${commands}\n`);
      return [
        `code=0; bash -eu -o pipefail ${file}.sh >${file}.out 2>&1 || code=$?`,
        `echo $code >${file}.code; [ $code = ${exit} ] || exit 0`,
      ];
    }),
  ];
  const node = path.dirname(process.execPath);
  const server = /s3:\/\//.test(JSON.stringify(blocks))
    ? await startSwift(withDirectory())
    : undefined;
  const store = server && storeOn(server.endpoint);
  await store?.bucket('ferry');
  const child = spawn(
    'unshare',
    ['--mount', '--propagation', 'private', 'bash', '-c', script.join('\n')],
    {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: {
        ...ownEnvironment(),
        ...store?.env,
        XDG_STATE_HOME: path.join(work, 'state'),
        PATH: [`${prefix}/bin`, bin, node, process.env.PATH, '/usr/sbin', '/sbin'].join(':'),
        npm_config_prefix: prefix,
        npm_config_globalconfig: npmConfiguration(),
        npm_config_prefer_offline: 'true',
        npm_config_update_notifier: 'false',
      },
    },
  );
  const [code] = await once(child, 'exit');
  await server?.stop();
  if (code !== 0) return `${document}: the machine to follow it on was not there: exit ${code}`;

  return firstDifference(document, blocks, work);
}

/** Whether the commands name a place in an object store. */
export function needsStore(blocks: readonly Block[]): boolean {
  return blocks.some(({ commands }) => commands.includes('s3://'));
}

/** The first block of which the exit code or the output in `work` is not as the document says. */
function firstDifference(
  document: string,
  blocks: readonly Block[],
  work: string,
): string | undefined {
  for (const [at, block] of blocks.entries()) {
    const file = path.join(work, `${at}`);
    const where = `${document}:${block.line}`;
    if (!existsSync(`${file}.code`)) return `${where}: not reached`;
    const output = readFileSync(`${file}.out`, 'utf8');
    const exit = Number(readFileSync(`${file}.code`, 'utf8'));
    if (exit !== block.exit) return `${where}: exit ${exit} instead of ${block.exit}\n${output}`;
    if (block.output !== undefined && !prints(block.output, output)) {
      return `${where}: prints something else\n${output}`;
    }
  }
  return undefined;
}

function withSource(): string {
  const source = withBtrfs();
  const home = source.subvolume('home');
  mkdirSync(path.join(home, 'letters'));
  writeFileSync(path.join(home, 'letters', 'to the bank'), 'Dear all,\n'.repeat(1000));
  writeFileSync(path.join(home, 'notes'), 'first\n');
  return source.mount;
}

/** The environment without what the test runner, and npm that started it, put there. */
function ownEnvironment(): NodeJS.ProcessEnv {
  const added = /^(VITEST|NODE_|npm_|INIT_CWD|TEST$|MODE$|DEV$|PROD$|SSR$|BASE_URL$)/;
  const kept = Object.entries(process.env).filter(([name]) => !added.test(name));
  return Object.fromEntries(kept);
}

/** npm looks for its machine-wide settings below its prefix, which is another one here. */
function npmConfiguration(): string {
  const env = ownEnvironment();
  return execFileSync('npm', ['config', 'get', 'globalconfig'], {
    encoding: 'utf8',
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim();
}
