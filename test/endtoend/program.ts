import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

/** The built program, run as people run it. */

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** How a run ended. */
export interface Ran {
  readonly exit: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A run under way. */
export interface Running {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly ended: Promise<Ran>;
}

interface RunOptions {
  /** User to run as. */
  readonly uid?: number;
}

/** Runs the program to its end. It must never meet a defect of its own. */
export function btrferry(...args: string[]): Promise<Ran> {
  return begin(args).ended;
}

export function begin(args: readonly string[], { uid }: RunOptions = {}): Running {
  const node = [process.execPath, main, ...args];
  const command =
    uid === undefined
      ? node
      : ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', ...node];
  const [program = '', ...rest] = command;
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
  const collect = (stream: NodeJS.ReadableStream) => {
    const pieces: Buffer[] = [];
    stream.on('data', (piece: Buffer) => pieces.push(piece));
    return () => Buffer.concat(pieces).toString();
  };
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
  const ended = once(child, 'close').then(([exit, signal]) => {
    const ran: Ran = { exit, signal, stdout: stdout(), stderr: stderr() };
    const said = ran.stdout + ran.stderr;
    expect(said, `of btrferry ${args.join(' ')}`).not.toMatch(/internal|^ {4}at /m);
    return ran;
  });
  // Whoever waits for something else first learns of it later.
  ended.catch(() => {});
  return { child, pid: child.pid ?? 0, ended };
}

/** Runs the program, which must end well. */
export async function succeeds(...args: string[]): Promise<Ran> {
  const ran = await btrferry(...args);
  expect(ran, `btrferry ${args.join(' ')}`).toMatchObject({ exit: 0, signal: null });
  return ran;
}

/** What a failed run says: one line of `error:` or `refused:`, and one of `hint:`. */
export interface Complaint {
  readonly exit: number;
  readonly error: string | RegExp;
  readonly hint: string | RegExp;
}

/** Runs the program, which must fail in this way. */
export async function fails(args: readonly string[], complaint: Complaint): Promise<Ran> {
  const ran = await btrferry(...args);
  expectComplaint(ran, complaint);
  return ran;
}

export function expectComplaint(ran: Ran, { exit, error, hint }: Complaint): void {
  const lines = ran.stderr.trimEnd().split('\n');
  const at = lines.findIndex((line) => /^(error|refused): /.test(line));
  // Several that have the same hint share it.
  const after = lines.slice(at + 1).find((line) => !line.startsWith('refused: '));
  const told = { exit: ran.exit, error: lines[at] ?? ran.stderr, hint: after ?? 'none' };
  const match = (text: string | RegExp) =>
    typeof text === 'string' ? expect.stringContaining(text) : expect.stringMatching(text);
  expect(told).toEqual({ exit, error: match(error), hint: match(hint) });
  expect(told.hint).toMatch(/^hint: /);
}

export interface JsonEvent {
  readonly type: string;
  readonly [member: string]: unknown;
}

/** The events of a run with --json: every line parses, and the last one is the result. */
export function events({ stdout }: Ran): JsonEvent[] {
  const lines = stdout.split('\n');
  expect(lines.pop()).toBe('');
  const all = lines.map((line) => JSON.parse(line) as JsonEvent);
  for (const event of all) expect(event.type).toEqual(expect.any(String));
  expect(all.findIndex((event) => event.type === 'result')).toBe(all.length - 1);
  return all;
}

/** Waits for a condition; the test's own time limit bounds it. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await pause(5);
}

/** Waits for a condition that a run must bring about before it ends. */
export async function during({ ended }: Running, condition: () => boolean): Promise<void> {
  let over = false;
  const end = () => {
    over = true;
  };
  ended.then(end, end);
  await until(() => over || condition());
  if (over) throw new Error(`ended too early: ${(await ended).stderr}`);
}

/** Processes that this one started, and those that they started. */
export function descendants(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const parent = parentOf(Number(entry));
    if (parent !== undefined) parents.set(Number(entry), parent);
  }
  const found: number[] = [];
  const open = [pid];
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    const children = [...parents].filter(([, parent]) => parent === one).map(([child]) => child);
    found.push(...children);
    open.push(...children);
  }
  return found;
}

/** Whether a process is there and not just waiting to be reaped. */
export function runs(pid: number): boolean {
  return parentOf(pid) !== undefined;
}

function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' ? undefined : Number(parent);
  } catch {
    return undefined;
  }
}
