import { encodeCommand } from '../sendstream/writer.ts';
import { attributes } from './craft-attributes.ts';
import type { Both } from './difference.ts';

/** Bytes of a piece. */
const PIECE = 1024 * 1024;

/** The commands that set attributes of inodes in place, encoded as they were added, in few pieces. */
export class AttributeCommands {
  readonly #full: Buffer[] = [];
  #last = Buffer.alloc(0);
  #used = 0;

  add({ old, new: inode }: Both): void {
    for (const command of attributes(inode, old)) this.#append(encodeCommand(command, 1));
  }

  /** Views of the commands. They are valid until the next one is added. */
  get pieces(): readonly Uint8Array[] {
    return [...this.#full, this.#last.subarray(0, this.#used)];
  }

  #append(bytes: Uint8Array): void {
    if (this.#used + bytes.length > this.#last.length) {
      if (this.#used > 0) this.#full.push(this.#last.subarray(0, this.#used));
      this.#last = Buffer.alloc(PIECE);
      this.#used = 0;
    }
    this.#last.set(bytes, this.#used);
    this.#used += bytes.length;
  }
}
