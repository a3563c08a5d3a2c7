import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import { isatty } from 'node:tty';
import type { Output } from './output.ts';

const STDIN = 0;

/**
 * Returns a function that asks a person a question on stderr and returns the line that they type, or
 * undefined if they end the input (Ctrl-D). Returns undefined itself if stdin or stderr is not a
 * terminal: then nobody can answer.
 */
export function personAt(
  output: Output,
  signal: AbortSignal,
): ((question: string) => Promise<string | undefined>) | undefined {
  if (!output.interactive || !isatty(STDIN)) return undefined;
  return async (question) => {
    output.draw([]);
    output.flush();
    // Without `terminal`, Ctrl-C stays the signal that stops the operation.
    const { stdin: input, stderr } = process;
    const lines = createInterface({ input, output: stderr, terminal: false });
    try {
      const ended = once(lines, 'close').then(() => undefined);
      const answer = await Promise.race([lines.question(question, { signal }), ended]);
      if (answer === undefined) stderr.write('\n');
      return answer;
    } finally {
      lines.close();
    }
  };
}
