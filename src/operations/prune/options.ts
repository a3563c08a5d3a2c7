import type { Policy } from '../../archive/retention/policy.ts';

export interface PruneOptions {
  readonly archive: string;
  readonly policy: Policy;
  /** Words that each name a receipt of a destination. */
  readonly receivedBy: readonly string[];
  /** Remove without asking. */
  readonly yes: boolean;
  readonly dryRun: boolean;
}
