import { createHash, type Hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { type ProtectedFile, START } from './packet.ts';

const zeros = new Uint8Array(64 * 1024);

/** Computes the checksums of a slice that is shorter than `size` as if zeros followed. */
export class SliceSum {
  readonly #md5 = createHash('md5');
  readonly #size: number;
  #crc = 0;
  #length = 0;

  constructor(size: number) {
    this.#size = size;
  }

  push(bytes: Uint8Array): void {
    this.#md5.update(bytes);
    this.#crc = crc32(bytes, this.#crc);
    this.#length += bytes.length;
  }

  /** MD5 and CRC32, 20 bytes. */
  finish(): Buffer {
    while (this.#length < this.#size) {
      this.push(zeros.subarray(0, Math.min(zeros.length, this.#size - this.#length)));
    }
    const crc = Buffer.alloc(4);
    crc.writeUInt32LE(this.#crc);
    return Buffer.concat([this.#md5.digest(), crc]);
  }
}

/** Computes all checksums of a file while its bytes pass. */
export class FileSums {
  readonly #md5 = createHash('md5');
  readonly #start: Hash = createHash('md5');
  readonly #sliceSize: number;
  readonly #checksums: Buffer[] = [];
  #slice: SliceSum;
  #length = 0;

  constructor(sliceSize: number) {
    this.#sliceSize = sliceSize;
    this.#slice = new SliceSum(sliceSize);
  }

  push(bytes: Uint8Array): void {
    this.#md5.update(bytes);
    if (this.#length < START) this.#start.update(bytes.subarray(0, START - this.#length));
    for (let at = 0; at < bytes.length; ) {
      const room = this.#sliceSize - (this.#length % this.#sliceSize);
      const piece = bytes.subarray(at, at + room);
      this.#slice.push(piece);
      at += piece.length;
      this.#length += piece.length;
      if (this.#length % this.#sliceSize === 0) this.#next();
    }
  }

  finish(name: string): ProtectedFile {
    if (this.#length % this.#sliceSize !== 0) this.#next();
    return {
      name,
      length: this.#length,
      md5: this.#md5.digest('hex'),
      md5Start: this.#start.digest('hex'),
      checksums: Buffer.concat(this.#checksums),
    };
  }

  #next(): void {
    this.#checksums.push(this.#slice.finish());
    this.#slice = new SliceSum(this.#sliceSize);
  }
}
