import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Event } from '../../src/events/event.ts';
import { program } from '../cli/btrferry.ts';

/** A failure as the events of `--json` have it. */
export interface ToldFailure {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly where?: { readonly path?: string };
  readonly exit: number;
}

/** An event of `--json`; its failures are plain members. */
export type Told = Event extends infer E
  ? E extends Event
    ? { [K in keyof E]: E[K] }
    : never
  : never;

/** How a run of the program ended. */
export interface Ran {
  /** Null when a signal ended it. */
  readonly exit: number | null;
  readonly events: readonly Told[];
  /** The failure that ended it. */
  readonly failure: ToldFailure | undefined;
  readonly stderr: string;
  readonly seconds: number;
}

/** A run under way, in a process group of its own. */
export interface Run {
  readonly pid: number;
  readonly ended: Promise<Ran>;
  /** The events so far. */
  readonly events: readonly Told[];
  readonly isOver: () => boolean;
  /** Kills it alone, or with all processes that it started. */
  kill(whom: 'group' | 'alone', signal?: NodeJS.Signals): void;
}

/** Whatever takes longer than this hangs, milliseconds. */
const HANGS = 150_000;

const alive = new Set<number>();
process.on('exit', () => {
  for (const pid of alive) signalTo(-pid, 'SIGKILL');
});

/** Starts the built program with `--json`. */
export function begin(...args: string[]): Run {
  const started = performance.now();
  const child = spawn(process.execPath, [program, ...args, '--json'], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const pid = child.pid as number;
  alive.add(pid);
  const events: Told[] = [];
  let over = false;
  let hung = false;
  let rest = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    const lines = (rest + piece).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) events.push(JSON.parse(line) as Told);
  });
  child.stderr.setEncoding('utf8').on('data', (piece: string) => {
    stderr += piece;
  });
  const watch = setTimeout(() => {
    hung = true;
    signalTo(-pid, 'SIGKILL');
  }, HANGS);
  child.once('exit', () => {
    over = true;
  });
  const ended = once(child, 'close').then(([exit]): Ran => {
    clearTimeout(watch);
    alive.delete(pid);
    const last = events.at(-1);
    const { failure } = (last ?? {}) as { failure?: ToldFailure };
    const ran = { exit, events, failure, stderr, seconds: (performance.now() - started) / 1000 };
    const line = `btrferry ${args.join(' ')}`;
    expect(hung, `${line} hangs: ${JSON.stringify(events)}`).toBe(false);
    // No defect, and no stack trace.
    expect(failure?.code, `${line}: ${failure?.message}`).not.toBe('internal');
    expect(stderr, line).not.toMatch(/internal error|^\s+at /m);
    return ran;
  });
  // Whoever waits for something else first learns of it later.
  ended.catch(() => {});
  return {
    pid,
    ended,
    events,
    isOver: () => over,
    kill: (whom, signal = 'SIGKILL') => signalTo(whom === 'group' ? -pid : pid, signal),
  };
}

export function btrferry(...args: string[]): Promise<Ran> {
  return begin(...args).ended;
}

/** Runs the program, which must end well. */
export async function succeeds(...args: string[]): Promise<Ran> {
  const ran = await btrferry(...args);
  const told = { exit: ran.exit, failure: ran.failure, stderr: ran.stderr };
  expect(told, `btrferry ${args.join(' ')}`).toEqual({ exit: 0, failure: undefined, stderr: '' });
  return ran;
}

/** Waits for a condition, or for the end of the run that should bring it about. */
export async function until(run: Run, condition: () => boolean): Promise<boolean> {
  while (!condition()) {
    if (run.isOver()) return condition();
    await pause(1);
  }
  return true;
}

/** The events of one type. */
export function eventsOf<Type extends Told['type']>(
  { events }: { readonly events: readonly Told[] },
  type: Type,
): Extract<Told, { type: Type }>[] {
  return events.filter((event): event is Extract<Told, { type: Type }> => event.type === type);
}

/** The `btrfs receive` that a run has started. */
export function receiverOf(run: Run): number | undefined {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0)
    .find((pid) => {
      const file = (name: string) => readFileSync(`/proc/${pid}/${name}`, 'latin1');
      try {
        const group = Number(/^\d+ \(.*\) \S \d+ (\d+)/s.exec(file('stat'))?.[1]);
        return group === run.pid && file('cmdline').includes('btrfs\0-q\0receive\0');
      } catch {
        return false;
      }
    });
}

/** Whether a process is there, and not only waiting to be reaped. */
export function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

export function signalTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended.
  }
}
