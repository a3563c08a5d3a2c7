import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';

/** The built program. */
export const program = path.resolve(import.meta.dirname, '../../dist/cli/main.js');

if (!existsSync(program)) throw new Error(`${program} is not built: npm run build`);

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the built program to its end, as its own process. */
export function btrferry(
  args: readonly string[],
  options: { input?: Uint8Array; env?: Record<string, string>; uid?: number } = {},
): Ran {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    input: options.input ?? new Uint8Array(0),
    env: { PATH: process.env.PATH, ...options.env },
    encoding: 'utf8',
    maxBuffer: 256 * 1024 ** 2,
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  });
  return { code: status, stdout, stderr };
}

/** Lines of JSON, parsed. */
export function parsed(stdout: string): { type: string; [member: string]: unknown }[] {
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}
