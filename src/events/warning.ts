export interface Warning {
  readonly type: 'warning';
  readonly code: WarningCode;
  readonly message: string;
  readonly hint?: string;
}

export type WarningCode =
  | 'same-filesystem'
  | 'may-not-fit'
  | 'parent-not-in-archive'
  | 'parent-changed'
  | 'attributes-inherited'
  | 'not-restorable'
  | 'header-unusable'
  | 'header-replaced'
  | 'manifest-unusable'
  | 'stream-unusable'
  | 'copy-damaged'
  | 'sums-differ'
  | 'unfinished'
  | 'name-taken'
  | 'full-again'
  | 'receipt-not-written'
  | 'left-over-removed'
  | 'draft-differs'
  | 'confinement';
