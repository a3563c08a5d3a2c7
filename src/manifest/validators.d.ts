/** The validators that `compile.ts` makes from the schemas. */
declare module '#validators' {
  interface Validator<T> {
    /** Reports whether a value is valid. Removes unknown members. */
    (value: unknown): value is T;
    /** Why the last value was not valid: the first of several reasons. */
    readonly errors?:
      | readonly { readonly instancePath: string; readonly message?: string }[]
      | null;
  }
  export const isManifest: Validator<import('./schema.ts').Manifest>;
  export const isSegment: Validator<import('./schema.ts').Segment>;
  export const isHeader: Validator<import('./schema.ts').ArchiveHeader>;
  export const isReceipt: Validator<import('./schema.ts').Receipt>;
  export const isFingerprint: Validator<import('./schema.ts').Fingerprint>;
  export const isTreeLine: Validator<import('./schema.ts').TreeLine>;
}
