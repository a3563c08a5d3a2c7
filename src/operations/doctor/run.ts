import type { DoctorResult } from '../../events/doctor.ts';
import { exit } from '../../failure/failure.ts';
import type { Operation } from '../operation.ts';
import { checks } from './checks.ts';
import { locationChecks } from './location.ts';

export interface DoctorOptions {
  /** Places of archives to check as well. They need not exist. */
  readonly archives: readonly string[];
}

/** Checks this machine and places of archives, and says what to do about what they lack. */
export const runDoctor: Operation<DoctorOptions, DoctorResult> = async ({ archives }, context) => {
  const found = await checks();
  for (const check of found) context.emit(check);
  for (const location of archives) {
    for await (const check of locationChecks(location, context)) {
      const named = { ...check, archive: location };
      found.push(named);
      context.emit(named);
    }
  }
  const missing = found.filter(({ state }) => state === 'missing');
  return {
    type: 'result',
    command: 'doctor',
    exit: missing.length > 0 ? exit.unable : exit.done,
    missing: missing.map(({ what }) => what),
  };
};
