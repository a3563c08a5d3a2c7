import type { DoctorResult } from '../../events/doctor.ts';
import { exit } from '../../failure/failure.ts';
import type { Operation } from '../operation.ts';
import { checks } from './checks.ts';

/** Checks this machine, and says what to do about what it lacks. */
export const runDoctor: Operation<Record<never, never>, DoctorResult> = async (_, { emit }) => {
  const found = await checks();
  for (const check of found) emit(check);
  const missing = found.filter(({ state }) => state === 'missing');
  return {
    type: 'result',
    command: 'doctor',
    exit: missing.length > 0 ? exit.unable : exit.done,
    missing: missing.map(({ what }) => what),
  };
};
