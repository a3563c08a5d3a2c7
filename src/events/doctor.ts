import type { ResultOf } from './result.ts';

/** One check of `doctor`. */
export interface Checked {
  readonly type: 'checked';
  readonly what: string;
  /** The archive that the check is of, as the user named it; absent for a check of the machine. */
  readonly archive?: string;
  readonly state: 'good' | 'limited' | 'missing';
  readonly found: string;
  /** Advice if the state is not good. */
  readonly hint?: string;
}

export interface DoctorResult extends ResultOf<'doctor'> {
  /**
   * The programs, kernel features and rights that export or import need and this machine, or a place of an
   * archive, lacks.
   */
  readonly missing: readonly string[];
}
