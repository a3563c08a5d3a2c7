import type { Readable } from 'node:stream';
import { execa } from 'execa';
import { Failure } from '../failure/failure.ts';
import { type Path, pathBytes } from '../names/path.ts';
import { isRoot } from './privilege.ts';
import { lineTail } from './stderr.ts';

/** How a process ended. */
export interface Ended {
  /** Undefined when a signal ended it, or when it never started. */
  readonly exitCode: number | undefined;
  /** The signal's name, such as `SIGTERM`. */
  readonly signal: string | undefined;
  /** The caller's abort signal ended it. */
  readonly canceled: boolean;
  /** No such program. */
  readonly missing: boolean;
  /** What it wrote to stderr, in lines; the middle is left out of very long output. */
  readonly stderr: readonly string[];
  /** The first line that starts with `ERROR:`, wherever in the output it stood. */
  readonly error: string | undefined;
}

export interface Running {
  /** Undefined where it did not start. */
  readonly pid: number | undefined;
  readonly stdout: Readable | null;
  /** Never rejects. */
  readonly ended: Promise<Ended>;
  /** The first stderr line that starts so, once it is there; undefined when stderr ends without. */
  stderrLine(start: string): Promise<string | undefined>;
  /** Asks it to end; kills it when it does not within 5 seconds. */
  stop(): void;
}

export interface StartOptions {
  /** A number is a file descriptor, which the process gets, and the caller keeps. */
  readonly stdin?: number | 'ignore';
  /** `pipe` gives {@link Running.stdout}. */
  readonly stdout?: number | 'ignore' | 'pipe';
  readonly signal?: AbortSignal | undefined;
}

/**
 * Starts a program with `LC_ALL=C`. Arguments are bytes; those that are no UTF-8 pass too.
 *
 * The caller reads stdout to its end or destroys it.
 */
export function start(program: string, args: readonly Path[], options: StartOptions = {}): Running {
  const [file, argv] = commandLine(program, args);
  const child = execa(file, argv, {
    buffer: false,
    reject: false,
    // execa takes any file descriptor, but its types know those up to 9.
    stdin: (options.stdin ?? 'ignore') as 'ignore',
    stdout: (options.stdout ?? 'pipe') as 'pipe',
    stderr: 'pipe',
    env: { LC_ALL: 'C', PATH: searchPath() },
    // This directory, by a name that is text whatever its own is.
    cwd: '/proc/self/cwd',
    forceKillAfterDelay: 5000,
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
  });
  const stderr = lineTail(child.stderr);
  const ended = child.then((result): Ended => {
    const missing = result.code === 'ENOENT' || result.exitCode === 127;
    const { lines, error } = stderr.seen();
    return {
      exitCode: result.exitCode,
      signal: result.signal,
      canceled: result.isCanceled,
      missing,
      stderr: lines,
      error,
    };
  });
  return {
    pid: child.pid,
    stdout: child.stdout,
    ended,
    stderrLine: stderr.line,
    stop: () => void child.kill(),
  };
}

/** Where programs are: an empty or relative place would be taken for one below this directory. */
function searchPath(): string {
  const places = `${process.env.PATH ?? ''}:/usr/sbin:/usr/bin:/sbin:/bin`.split(':');
  return places.filter((place) => place.startsWith('/')).join(':');
}

/** Runs `btrfs` to its end and gives its stdout; for commands whose output is small. */
export async function btrfs(
  args: readonly Path[],
  options: { signal?: AbortSignal | undefined } = {},
): Promise<{ stdout: Buffer; ended: Ended }> {
  const child = start('btrfs', args, options);
  const pieces: Buffer[] = [];
  child.stdout?.on('data', (piece: Buffer) => pieces.push(piece));
  const ended = await child.ended;
  assertStarted(ended);
  return { stdout: Buffer.concat(pieces), ended };
}

/**
 * Throws for the ends that mean the same for every btrfs command.
 * @throws {Failure} `interrupted`, `btrfs-progs` (not installed), `not-root`.
 */
export function assertStarted(ended: Ended): void {
  assertNotInterrupted(ended);
  if (ended.missing) {
    throw new Failure('btrfs-progs', 'the program btrfs is not installed', {
      hint: 'install it: apt install btrfs-progs',
    });
  }
  const refused = /operation not permitted|permission denied/i;
  if (ended.exitCode !== 0 && !isRoot() && ended.stderr.some((line) => refused.test(line))) {
    throw new Failure('not-root', `btrfs refused: ${complaint(ended)}`, {
      hint: 'run the same command with sudo',
    });
  }
}

/** @throws {Failure} `interrupted`. */
export function assertNotInterrupted({ canceled, signal }: Ended): void {
  // A terminal's Ctrl-C reaches the process too, and may end it before the caller's signal does.
  if (canceled || signal === 'SIGINT') throw new Failure('interrupted', 'interrupted');
}

/** The one line that says best what went wrong, without its `ERROR: `. */
export function complaint(ended: Ended): string {
  const line = ended.error ?? ended.stderr.at(-1);
  if (line !== undefined) return line.replace(/^ERROR: /, '');
  return ended.signal === undefined ? `exit code ${ended.exitCode}` : `ended by ${ended.signal}`;
}

/** What to do about a complaint that tells of a failing medium. */
export function adviceOn(said: string): { hint?: string } {
  // `btrfs send` gives no reason where a path that was there can't be resolved any more.
  if (/input\/output error|unable to resolve/i.test(said)) {
    return { hint: 'check the drive and its cable; dmesg tells what the kernel saw of it' };
  }
  if (/read-only file ?system/i.test(said)) {
    return { hint: 'a filesystem that turned read-only by itself needs a check; dmesg tells why' };
  }
  return {};
}

/** Node passes arguments as UTF-8 only; other bytes take the way through a shell's printf. */
function commandLine(program: string, args: readonly Path[]): [string, string[]] {
  const texts = args.map((argument) => pathBytes(argument).toString());
  if (args.every((argument, i) => pathBytes(argument).equals(Buffer.from(texts[i] ?? '')))) {
    return [program, texts];
  }
  // $(...) drops newlines at the end, so each value carries a mark that is cut off again.
  const assignments = args.map((argument, i) => {
    const octal = [...pathBytes(argument)].map((byte) => `\\0${byte.toString(8).padStart(3, '0')}`);
    return `a${i}=$(printf %b '${octal.join('')}.')`;
  });
  const values = args.map((_, i) => `"\${a${i}%.}"`);
  return ['sh', ['-c', `${assignments.join('\n')}\nexec ${program} ${values.join(' ')}`]];
}
