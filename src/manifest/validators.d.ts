/** What `compile.ts` makes of the schemas: whether a value is such a document. */
declare module '#validators' {
  interface Validator<T> {
    /** Removes members that the schema does not know. */
    (value: unknown): value is T;
    /** Why the last value was none; of several reasons the first. */
    readonly errors?:
      | readonly { readonly instancePath: string; readonly message?: string }[]
      | null;
  }
  export const isManifest: Validator<import('./schema.ts').Manifest>;
  export const isHeader: Validator<import('./schema.ts').ArchiveHeader>;
  export const isReceipt: Validator<import('./schema.ts').Receipt>;
}
