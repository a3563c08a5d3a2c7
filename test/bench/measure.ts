import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** A program and its arguments. */
export type Command = readonly [string, ...string[]];

/** The resources of one run. */
export interface Run {
  /** Wall time from the start of the first process to the end of the last. */
  readonly seconds: number;
  /** User and system time of all its processes, in seconds. What kernel threads do is not in it. */
  readonly cpu: number;
  /** The peaks of resident memory of its processes added up, bytes; a shell is left out. */
  readonly memory: number;
  /** Bytes of the process with the largest peak. */
  readonly largest: number;
}

const SHELL = 'bash';

/** A line of bash as a command; `args` are its `$1`, `$2`. Fails when any of a pipeline fails. */
export function shell(script: string, ...args: string[]): Command {
  return [SHELL, '-c', `set -euo pipefail; ${script}`, SHELL, ...args];
}

/** Milliseconds between two looks at the processes: cheap, and a high-water mark keeps well. */
const LOOK = 20;

/** Milliseconds for processes that are told to stop, before they are killed. */
const PATIENCE = 10_000;

/** Runs a command to its end, alone: no other child may end meanwhile. Throws if it fails. */
export async function measure(command: Command, signal: AbortSignal): Promise<Run> {
  signal.throwIfAborted();
  const [program, ...args] = command;
  const before = childrenCpu();
  const started = performance.now();
  // The leader of a session: whatever it starts is known by that, and can be ended at once.
  const child = spawn(program, args, { detached: true, stdio: ['ignore', 'ignore', 'pipe'] });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-2000);
  });
  const session = child.pid ?? 0;
  const peaks = new SessionMemory(session);
  const looking = setInterval(() => peaks.look(), LOOK);
  let killing: NodeJS.Timeout | undefined;
  const stop = () => {
    endSession(session, 'SIGTERM');
    killing = setTimeout(() => endSession(session, 'SIGKILL'), PATIENCE);
  };
  signal.addEventListener('abort', stop);
  try {
    const code = await new Promise<number | string | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', (exit, by) => resolve(exit ?? by));
    });
    const seconds = (performance.now() - started) / 1000;
    signal.throwIfAborted();
    if (code !== 0) throw new Error(`${command.join(' ')}\nended with ${code}: ${complaint}`);
    return { seconds, cpu: childrenCpu() - before, ...peaks.result(program !== SHELL) };
  } finally {
    clearInterval(looking);
    clearTimeout(killing);
    signal.removeEventListener('abort', stop);
  }
}

function endSession(session: number, signal: NodeJS.Signals): void {
  try {
    if (session > 0) process.kill(-session, signal);
  } catch {
    // It has ended by itself.
  }
}

/** The memory of the processes of one session, by their own high-water marks (VmHWM). */
class SessionMemory {
  readonly #session: string;
  readonly #strangers = new Set<string>();
  readonly #peaks = new Map<string, number>();

  constructor(session: number) {
    this.#session = String(session);
  }

  look(): void {
    for (const pid of readdirSync('/proc')) {
      if (!/^\d/.test(pid) || this.#strangers.has(pid)) continue;
      try {
        if (this.#peaks.has(pid) || this.#joins(pid)) this.#note(pid);
      } catch {
        // It has ended meanwhile.
      }
    }
  }

  /** Whether a process belongs here, and is what it was started for. */
  #joins(pid: string): boolean {
    if (pid === this.#session) return true;
    const [, parent, , session] = statFields(pid);
    if (String(session) !== this.#session) {
      this.#strangers.add(pid);
      return false;
    }
    // Until it runs a program of its own, a new process is its parent once more.
    return commandLine(pid) !== commandLine(String(parent));
  }

  #note(pid: string): void {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    const peak = Number(/^VmHWM:\s*(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
    this.#peaks.set(pid, Math.max(peak, this.#peaks.get(pid) ?? 0));
  }

  /** `leader`: whether the first process counts. */
  result(leader: boolean): Pick<Run, 'memory' | 'largest'> {
    if (!leader) this.#peaks.delete(this.#session);
    const peaks = [...this.#peaks.values()];
    return { memory: peaks.reduce((sum, peak) => sum + peak, 0), largest: Math.max(0, ...peaks) };
  }
}

function commandLine(pid: string): string {
  return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
}

/** Linux reports times in these units to every program. */
const TICKS_PER_SECOND = 100;

/** Seconds of user and system time of all that this process started and that has ended. */
function childrenCpu(): number {
  const fields = statFields('self');
  return ((fields[13] ?? 0) + (fields[14] ?? 0)) / TICKS_PER_SECOND;
}

/** `/proc/<pid>/stat` from the state (field 3 of proc(5)) on. */
function statFields(pid: string): number[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
}
