import type { ResultOf } from './result.ts';

/** One check of `doctor`. */
export interface Checked {
  readonly type: 'checked';
  readonly what: string;
  readonly state: 'good' | 'limited' | 'missing';
  readonly found: string;
  /** Advice if the state is not good. */
  readonly hint?: string;
}

export interface DoctorResult extends ResultOf<'doctor'> {
  /** What this machine lacks for an export or import. */
  readonly missing: readonly string[];
}
