import type { Emit } from '../events/event.ts';

/** Shows what an operation emits. One reporter serves one run of one command. */
export interface Reporter {
  readonly emit: Emit;
  /** The command ended by throwing; takes the place of its result. */
  failed(command: string, error: unknown): void;
  /** Ends what is drawn in place. */
  close(): void;
}
