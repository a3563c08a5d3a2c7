/** The WebAssembly module that `assemble.ts` makes of `kernel.wat`, in Base64. */
declare module '#kernel' {
  export const kernel: string;
}

/** WebAssembly, as far as it is used. The types of Node.js 20 lack it. */
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Instance {
    constructor(module: Module);
    readonly exports: object;
  }
  interface Memory {
    readonly buffer: ArrayBuffer;
    /** @param pages of 64 KiB that are added */
    grow(pages: number): number;
  }
}
