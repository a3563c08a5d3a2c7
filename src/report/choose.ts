import { jsonReporter } from './json.ts';
import type { Output } from './output.ts';
import { peopleReporter } from './people.ts';
import { writtenProgress } from './plain.ts';
import type { Reporter } from './reporter.ts';
import { drawnProgress } from './terminal.ts';

export interface ReportOptions {
  readonly json: boolean;
  readonly quiet: boolean;
}

/**
 * Chooses the reporter for an output.
 *
 * @param now returns milliseconds
 */
export function reporterFor(
  output: Output,
  { json, quiet }: ReportOptions,
  now: () => number = () => performance.now(),
): Reporter {
  if (json) return jsonReporter(output, now, quiet);
  const progress = output.interactive ? drawnProgress(output, now) : writtenProgress(output, now);
  return peopleReporter(output, progress, quiet);
}
