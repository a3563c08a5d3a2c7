import { channel } from 'node:diagnostics_channel';
import type { Path } from '../names/path.ts';
import { shellWord } from '../names/shell.ts';

/** A program that was started or has ended, for people who look for the cause of a problem. */
export interface ProgramEvent {
  readonly state: 'started' | 'ended';
  /** The command line, quoted for a POSIX shell. */
  readonly commandLine: string;
  /** `exit code 1`, `ended by SIGTERM`; undefined when it started. */
  readonly outcome?: string;
  /** Time that it ran; undefined when it started. */
  readonly milliseconds?: number;
}

const programs = channel('btrferry:programs');

/** Calls `listener` for each program that this process starts, and again when it has ended. */
export function onProgram(listener: (event: ProgramEvent) => void): void {
  programs.subscribe((event) => listener(event as ProgramEvent));
}

/**
 * Publishes the start of a program, if somebody listens.
 *
 * @returns a function that publishes its end
 */
export function publishStart(program: string, args: readonly Path[]): (outcome: string) => void {
  if (!programs.hasSubscribers) return () => {};
  const began = performance.now();
  const commandLine = [program, ...args].map(shellWord).join(' ');
  programs.publish({ state: 'started', commandLine } satisfies ProgramEvent);
  return (outcome) => {
    const milliseconds = performance.now() - began;
    programs.publish({ state: 'ended', commandLine, outcome, milliseconds } satisfies ProgramEvent);
  };
}
