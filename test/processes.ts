import { readdirSync, readFileSync } from 'node:fs';
import { setImmediate, setTimeout } from 'node:timers/promises';

/** Processes on this machine, and waiting for what they do. */

/** Waits for a condition. The time limit of the test bounds it. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await setTimeout(2);
}

/** Lets the event loop turn, so that what is ready to run does. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await setImmediate();
}

/** The processes that a process started, and those that these started. */
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

/** Whether a process is there and is not just waiting to be reaped. */
export function runsStill(pid: number): boolean {
  return parentOf(pid) !== undefined;
}

/** Signals a process, or the group of a negative number, if it is still there. */
export function signalTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended.
  }
}

function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' || state === 'X' ? undefined : Number(parent);
  } catch {
    return undefined;
  }
}
