import { Failure } from '../failure/failure.ts';

export function isRoot(): boolean {
  return process.geteuid?.() === 0;
}

/**
 * @param what completes the sentence "... needs root"
 * @throws {Failure} `not-root`
 */
export function requireRoot(what: string): void {
  if (isRoot()) return;
  throw new Failure('not-root', `${what} needs root`, { hint: 'run the same command with sudo' });
}
