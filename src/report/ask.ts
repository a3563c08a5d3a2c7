import { createInterface } from 'node:readline/promises';
import { isatty } from 'node:tty';
import type { Output } from './output.ts';

const STDIN = 0;

/**
 * Returns a function that asks a person a question on stderr and returns the line that they type.
 * Returns undefined if stdin or stderr is not a terminal: then nobody can answer.
 */
export function personAt(
  output: Output,
  signal: AbortSignal,
): ((question: string) => Promise<string>) | undefined {
  if (!output.interactive || !isatty(STDIN)) return undefined;
  return async (question) => {
    output.draw([]);
    output.flush();
    // Without `terminal`, Ctrl-C stays the signal that stops the operation.
    const { stdin: input, stderr } = process;
    const lines = createInterface({ input, output: stderr, terminal: false });
    try {
      return await lines.question(question, { signal });
    } finally {
      lines.close();
    }
  };
}
