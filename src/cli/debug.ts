import { oneLine } from '../names/printable.ts';
import type { ProgramEvent } from '../process/trace.ts';

/** `debug: started btrfs send /mnt/x`, `debug: exit code 0 after 12 ms: btrfs send /mnt/x` */
export function programLine(event: ProgramEvent): string {
  const { state, commandLine, outcome, milliseconds = 0 } = event;
  if (state === 'started') return oneLine(`debug: started: ${commandLine}`);
  return oneLine(`debug: ${outcome} after ${Math.round(milliseconds)} ms: ${commandLine}`);
}
