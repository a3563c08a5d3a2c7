import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { expect } from 'vitest';
import type { FailureCode } from '../src/failure/failure.ts';
import { signalTo, until } from './processes.ts';

/** The built program, run as people run it. */

/** Path of the program, a script for Node.js. */
export const program = path.resolve(import.meta.dirname, '../dist/cli/main.js');

/** How a run ended. */
export interface Ran {
  /** Null if a signal ended it. */
  readonly exit: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A run under way. */
export interface Running {
  readonly child: ChildProcess;
  readonly pid: number;
  /** Rejects if the program met a defect of its own. */
  readonly ended: Promise<Ran>;
  readonly isOver: () => boolean;
  /** Signals the process alone, or its group with all programs that it started. */
  kill(whom: 'group' | 'alone', signal?: NodeJS.Signals): void;
}

interface RunOptions {
  /** User to run as. */
  readonly uid?: number;
  /** Run in a process group of its own. It is killed when this process exits. */
  readonly group?: boolean;
  /** Called for each line of stdout when it is complete. */
  readonly onLine?: (line: string) => void;
}

const groups = new Set<number>();
process.on('exit', () => {
  for (const pid of groups) signalTo(-pid, 'SIGKILL');
});

/** Starts the program. */
export function begin(args: readonly string[], options: RunOptions = {}): Running {
  const { uid, group = false, onLine } = options;
  const node = [process.execPath, program, ...args];
  const user = ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'];
  const [file = '', ...rest] = uid === undefined ? node : [...user, ...node];
  const child = spawn(file, rest, { detached: group, stdio: ['ignore', 'pipe', 'pipe'] });
  const pid = child.pid as number;
  if (group) groups.add(pid);
  let over = false;
  child.once('exit', () => {
    over = true;
  });
  const [stdout, stderr] = [collect(child.stdout, onLine), collect(child.stderr)];
  const ended = once(child, 'close').then(([exit, signal]) => {
    groups.delete(pid);
    const ran: Ran = { exit, signal, stdout: stdout(), stderr: stderr() };
    const all = ran.stdout + ran.stderr;
    expect(all, `of btrferry ${args.join(' ')}`).not.toMatch(/internal|^\s+at /m);
    return ran;
  });
  // A caller that first waits for something else learns of the failure later.
  ended.catch(() => {});
  const kill: Running['kill'] = (whom, signal = 'SIGKILL') =>
    signalTo(whom === 'group' ? -pid : pid, signal);
  return { child, pid, ended, isOver: () => over, kill };
}

function collect(
  stream: NodeJS.ReadableStream,
  onLine: (line: string) => void = () => {},
): () => string {
  const pieces: string[] = [];
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (piece: string) => {
    pieces.push(piece);
    const lines = (rest + piece).split('\n');
    rest = lines.pop() ?? '';
    lines.forEach(onLine);
  });
  return () => pieces.join('');
}

/** Runs the program to its end. */
export function btrferry(...args: string[]): Promise<Ran> {
  return begin(args).ended;
}

/**
 * Runs the program on a terminal of its own, which script(1) makes.
 *
 * @param answer takes the text since the last answer, and gives what is typed then, if anything
 */
export async function onTerminal(
  args: readonly string[],
  answer: (text: string) => string | undefined,
): Promise<{ exit: number | null; seen: string }> {
  const command = [process.execPath, program, ...args].join(' ');
  const child = spawn('script', ['-qec', command, '/dev/null']);
  let [seen, answered] = ['', 0];
  child.stdout.on('data', (piece: Buffer) => {
    seen += piece;
    const typed = answer(seen.slice(answered));
    if (typed === undefined) return;
    answered = seen.length;
    child.stdin.write(typed);
  });
  const [exit] = await once(child, 'close');
  return { exit, seen };
}

/** Runs the program to its end while this process waits. */
export function btrferrySync(
  args: readonly string[],
  options: { input?: Uint8Array; env?: Record<string, string>; uid?: number } = {},
): Ran {
  const { input = new Uint8Array(0), env, uid } = options;
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    input,
    env: { PATH: process.env.PATH, ...env },
    encoding: 'utf8',
    maxBuffer: 256 * 1024 ** 2,
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  return { exit: status, signal, stdout, stderr };
}

/** Runs the program, which must end well. */
export async function succeeds(...args: string[]): Promise<Ran> {
  const ran = await btrferry(...args);
  expect(ran, `btrferry ${args.join(' ')}`).toMatchObject({ exit: 0, signal: null });
  return ran;
}

/** The failure that a run must end in: its first refusal, or the failure of its result. */
export interface Complaint {
  readonly exit: number;
  readonly code: FailureCode;
  /** Members that the place of the failure must have. */
  readonly where?: Readonly<Record<string, unknown>>;
  /** A text that the hint must contain: a command, an option or a path. */
  readonly hint?: string | RegExp;
}

/** Runs the program with `--json`, which must fail in this way. */
export async function fails(args: readonly string[], complaint: Complaint): Promise<Ran> {
  const ran = await btrferry(...args, '--json');
  expectComplaint(ran, complaint);
  return ran;
}

/** Compares how a run with `--json` failed. */
export function expectComplaint(ran: Ran, { exit, code, where = {}, hint = '' }: Complaint): void {
  const all = eventsIn(ran);
  const planned = all.find(({ type }) => type === 'import-planned') as
    | { readonly refused: readonly { readonly failure: object }[] }
    | undefined;
  const refused = all.find(({ type }) => type === 'stream-refused');
  const failure = planned?.refused[0]?.failure ?? refused?.failure ?? all.at(-1)?.failure;
  expect({ exit: ran.exit, failure }).toMatchObject({
    exit,
    failure: {
      code,
      where,
      hint: typeof hint === 'string' ? expect.stringContaining(hint) : expect.stringMatching(hint),
    },
  });
}

export interface JsonEvent {
  readonly type: string;
  readonly [member: string]: unknown;
}

/** The events of a run with --json. Every line must parse, and only the last must be a result. */
export function eventsIn({ stdout }: Pick<Ran, 'stdout'>): JsonEvent[] {
  const lines = stdout.split('\n');
  expect(lines.pop()).toBe('');
  const all = lines.map((line) => JSON.parse(line) as JsonEvent);
  for (const event of all) expect(event.type).toEqual(expect.any(String));
  expect(all.findIndex((event) => event.type === 'result')).toBe(all.length - 1);
  return all;
}

/** The last event of a run with --json. */
export function resultOf(stdout: string): JsonEvent | undefined {
  return eventsIn({ stdout }).at(-1);
}

/** The codes of the warnings of a run with --json. */
export function warningsOf(ran: Ran): unknown[] {
  const warnings = eventsIn(ran).filter(({ type }) => type === 'warning');
  return warnings.map(({ code }) => code);
}

/** Waits for a condition that a run must bring about before it ends. */
export async function during({ ended, isOver }: Running, condition: () => boolean): Promise<void> {
  await until(() => isOver() || condition());
  if (!isOver()) return;
  throw new Error(`it ended too early: ${(await ended).stderr}`);
}
