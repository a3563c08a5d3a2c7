import type { Readable } from 'node:stream';
import { execa } from 'execa';
import { Failure } from '../failure/failure.ts';
import { type Path, pathBytes } from '../names/path.ts';
import { lineTail } from './lines.ts';
import { publishStart } from './trace.ts';

/** How a program ended. */
export interface Ended {
  /** Undefined if a signal ended it, or if it never started. */
  readonly exitCode: number | undefined;
  /** The name of the signal, such as `SIGTERM`. */
  readonly signal: string | undefined;
  /** The caller's abort signal ended it. */
  readonly canceled: boolean;
  /** There is no such program in PATH that this user may run. */
  readonly missing: boolean;
  /** Its stderr in lines, without the middle of very long output. */
  readonly stderr: readonly string[];
  /** The first line that starts with `ERROR:`, wherever in the output it was. */
  readonly error: string | undefined;
}

/** A program that was started. */
export interface Running {
  /** Undefined if it did not start. */
  readonly pid: number | undefined;
  readonly stdout: Readable | null;
  /** Never rejects. */
  readonly ended: Promise<Ended>;
  /** The first stderr line with this start, when it comes; undefined if stderr ends without it. */
  stderrLine(start: string): Promise<string | undefined>;
  /** Asks the program to end, and kills it after 5 seconds. */
  stop(): void;
}

export interface StartOptions {
  /** A number is a file descriptor: the program gets a copy, and the caller keeps its own. */
  readonly stdin?: number | 'ignore';
  /** `pipe` gives {@link Running.stdout}. */
  readonly stdout?: number | 'ignore' | 'pipe';
  readonly signal?: AbortSignal | undefined;
}

/**
 * Starts a program with `LC_ALL=C`. The caller reads stdout to its end or destroys it.
 *
 * @param args may be any bytes, not just UTF-8
 */
export function start(program: string, args: readonly Path[], options: StartOptions = {}): Running {
  const [file, argv] = commandLine(program, args);
  const publishEnd = publishStart(program, args);
  const child = execa(file, argv, {
    buffer: false,
    reject: false,
    // execa takes any file descriptor, but its types know those up to 9.
    stdin: (options.stdin ?? 'ignore') as 'ignore',
    stdout: (options.stdout ?? 'pipe') as 'pipe',
    stderr: 'pipe',
    env: { LC_ALL: 'C', PATH: searchPath() },
    // The working directory, by a name that is text even if its own is not.
    cwd: '/proc/self/cwd',
    forceKillAfterDelay: 5000,
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
  });
  const stderr = lineTail(child.stderr);
  const ended = child.then((result): Ended => {
    const { lines, error } = stderr.seen();
    const seen: Ended = {
      exitCode: result.exitCode,
      signal: result.signal,
      canceled: result.isCanceled,
      // EACCES: it is not executable, or a directory of PATH cannot be searched.
      missing: result.code === 'ENOENT' || result.code === 'EACCES' || result.exitCode === 127,
      stderr: lines,
      error,
    };
    publishEnd(outcomeOf(seen));
    return seen;
  });
  return {
    pid: child.pid,
    stdout: child.stdout,
    ended,
    stderrLine: stderr.line,
    stop: () => void child.kill(),
  };
}

/** @throws {Failure} `interrupted` */
export function assertNotInterrupted({ canceled, signal }: Ended): void {
  // Ctrl-C on a terminal reaches the program too, and may end it before the caller's signal does.
  if (canceled || signal === 'SIGINT') throw new Failure('interrupted', 'interrupted');
}

/** The one line that says best what went wrong, without its `ERROR: `. */
export function complaint(ended: Ended): string {
  const line = ended.error ?? ended.stderr.at(-1);
  return line === undefined ? outcomeOf(ended) : line.replace(/^ERROR: /, '');
}

function outcomeOf({ exitCode, signal, missing }: Ended): string {
  if (signal !== undefined) return `ended by ${signal}`;
  return missing ? 'not found' : `exit code ${exitCode}`;
}

/** Leaves out empty and relative places, which would mean a place below the working directory. */
function searchPath(): string {
  const places = `${process.env.PATH ?? ''}:/usr/sbin:/usr/bin:/sbin:/bin`.split(':');
  return places.filter((place) => place.startsWith('/')).join(':');
}

/** Node passes arguments as UTF-8 only. A shell's printf makes those of other bytes. */
function commandLine(program: string, args: readonly Path[]): [string, string[]] {
  const texts = args.map((argument) => pathBytes(argument).toString());
  if (args.every((argument, i) => pathBytes(argument).equals(Buffer.from(texts[i] ?? '')))) {
    return [program, texts];
  }
  // $(...) drops newlines at the end, so each value ends in a dot that is cut off again.
  const assignments = args.map((argument, i) => {
    const octal = [...pathBytes(argument)].map((byte) => `\\0${byte.toString(8).padStart(3, '0')}`);
    return `a${i}=$(printf %b '${octal.join('')}.')`;
  });
  const values = args.map((_, i) => `"\${a${i}%.}"`);
  return ['sh', ['-c', `${assignments.join('\n')}\nexec ${program} ${values.join(' ')}`]];
}
