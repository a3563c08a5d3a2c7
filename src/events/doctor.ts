import type { ResultOf } from './result.ts';

/** One thing `doctor` looked at. */
export interface Checked {
  readonly type: 'checked';
  readonly what: string;
  readonly state: 'good' | 'limited' | 'missing';
  readonly found: string;
  /** What to do about it, where it isn't good. */
  readonly hint?: string;
}

export interface DoctorResult extends ResultOf<'doctor'> {
  /** What this machine lacks for an export or import. */
  readonly missing: readonly string[];
}
