import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Event } from '../../src/events/event.ts';
import type { Running } from '../program.ts';
import * as program from '../program.ts';

/** A failure as the events of `--json` have it. */
export interface ToldFailure {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly where?: { readonly path?: string };
  readonly exit: number;
}

/** An event of `--json`; its failures are plain members. */
export type PlainEvent = Event extends infer E
  ? E extends Event
    ? { [K in keyof E]: E[K] }
    : never
  : never;

/** How a run of the program ended. */
export interface Ran {
  /** Null if a signal ended it. */
  readonly exit: number | null;
  readonly events: readonly PlainEvent[];
  /** The failure that ended it. */
  readonly failure: ToldFailure | undefined;
  readonly stderr: string;
  readonly seconds: number;
}

/** A run under way, in a process group of its own. */
export interface Run extends Omit<Running, 'ended' | 'child'> {
  readonly ended: Promise<Ran>;
  /** The events so far. */
  readonly events: readonly PlainEvent[];
}

/** A run that takes longer hangs, milliseconds. */
const HANGS = 150_000;

/** Starts the built program with `--json`. */
export function begin(...args: string[]): Run {
  const started = performance.now();
  const events: PlainEvent[] = [];
  const onLine = (line: string) => void events.push(JSON.parse(line) as PlainEvent);
  const { pid, isOver, kill, ended } = program.begin([...args, '--json'], { group: true, onLine });
  let hung = false;
  const watch = setTimeout(() => {
    hung = true;
    kill('group');
  }, HANGS);
  const judged = ended.then(({ exit, stderr }): Ran => {
    clearTimeout(watch);
    const { failure } = (events.at(-1) ?? {}) as { failure?: ToldFailure };
    const line = `btrferry ${args.join(' ')}`;
    expect(hung, `${line} hangs: ${JSON.stringify(events)}`).toBe(false);
    return { exit, events, failure, stderr, seconds: (performance.now() - started) / 1000 };
  });
  // A caller that first waits for something else learns of the failure later.
  judged.catch(() => {});
  return { pid, isOver, kill, ended: judged, events };
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
export function eventsOf<Type extends PlainEvent['type']>(
  { events }: { readonly events: readonly PlainEvent[] },
  type: Type,
): Extract<PlainEvent, { type: Type }>[] {
  return events.filter(
    (event): event is Extract<PlainEvent, { type: Type }> => event.type === type,
  );
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
