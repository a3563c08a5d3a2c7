import { existsSync, readFileSync } from 'node:fs';
import os from 'node:os';
import { fileURLToPath } from 'node:url';
import type { EngineName } from '../../src/zstd/engine.ts';
import type { Command } from './measure.ts';
import { run } from './scene.ts';

/** Where it is measured. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  /** Bytes. */
  readonly memory: number;
  readonly kernel: string;
  readonly btrfsProgs: string;
  readonly zstd: string;
  /** How many processes wanted to run, over the last minute: more than about 0 is noise. */
  readonly load: number;
}

export function thisMachine(): Machine {
  return {
    cpu: os.cpus()[0]?.model ?? os.arch(),
    cores: os.availableParallelism(),
    memory: os.totalmem(),
    kernel: os.release(),
    btrfsProgs: /v(\S+)/.exec(run('btrfs', '--version'))?.[1] ?? '?',
    zstd: /v(\d[\d.]*)/.exec(run('zstd', '--version'))?.[1] ?? '?',
    load: os.loadavg()[0] ?? 0,
  };
}

/** A Node.js that the program is run with. */
export interface Runtime {
  readonly path: string;
  readonly version: string;
  readonly engine: EngineName;
}

/** Asks a Node.js what it is. */
export function runtimeAt(path: string): Runtime {
  if (!existsSync(path)) throw new Error(`there is no Node.js at ${path}`);
  const asked = "process.version + ' ' + ('createZstdCompress' in require('node:zlib'))";
  const [version = '', builtIn] = run(path, '-p', asked).trim().split(' ');
  const engine = builtIn === 'true' ? 'node:zlib' : 'zstd-codec';
  return { path, version: version.slice(1), engine };
}

/** The program as it is built in the checkout that this belongs to. */
const program = findProgram();

function findProgram(): string {
  for (let at = new URL('.', import.meta.url); at.pathname !== '/'; at = new URL('..', at)) {
    const found = new URL('dist/cli/main.js', at);
    if (existsSync(found)) return fileURLToPath(found);
  }
  throw new Error('btrferry is not built: npm run build');
}

export function btrferry(runtime: Runtime, ...args: string[]): Command {
  return [runtime.path, program, ...args];
}

export function programVersion(): string {
  const file = new URL('../../package.json', `file://${program}`);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
