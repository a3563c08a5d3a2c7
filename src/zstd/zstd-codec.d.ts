/** The part of the binding in zstd-codec 0.1.5 that is used here. */
declare module 'zstd-codec/lib/module.js' {
  /** A std::vector<uint8_t> in the heap of the WebAssembly instance. Only `delete` frees it. */
  export interface VectorU8 {
    resize(size: number, fill: number): void;
    delete(): void;
  }
  export interface Binding {
    readonly VectorU8: new () => VectorU8;
    readonly ZstdCodec: new () => {
      /** Compressed size, or less than 1. */
      compress(to: VectorU8, from: VectorU8, level: number): number;
      /** Decompressed size, or less than 0. */
      decompress(to: VectorU8, from: VectorU8): number;
    };
    readonly ZstdDecompressStreamBinding: new () => {
      begin(): boolean;
      transform(piece: Uint8Array, take: (output: Uint8Array) => void): boolean;
      end(take: (output: Uint8Array) => void): boolean;
    };
    toTypedArrayView(vector: VectorU8): Uint8Array;
  }
  /** Makes a new instance. Never await the binding, because it has a `then` of its own. */
  const module: { run(ready: (binding: Binding) => void): void };
  export default module;
}
