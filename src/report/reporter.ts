import type { Emit } from '../events/event.ts';

/** Reports the events of an operation. One reporter serves one run of one command. */
export interface Reporter {
  readonly emit: Emit;
  /** Reports that the command threw an error. Comes in place of a result. */
  failed(command: string, error: unknown): void;
  /** Removes what is drawn in place. */
  close(): void;
}
