import { Failure } from '../failure/failure.ts';

/**
 * Makes a `stream-malformed` failure.
 *
 * @param offset bytes from the start of the stream
 */
export function malformed(offset: number, problem: string): Failure {
  return new Failure('stream-malformed', `malformed send stream at byte ${offset}: ${problem}`, {
    where: { offset },
  });
}
