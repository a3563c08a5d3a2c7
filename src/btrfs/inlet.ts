import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';

/** What arrives while nobody said where to put it; bytes. */
const SPARE = 64 * 1024;

/**
 * The output of a process, read straight into the reader's own memory. Node's own pipes allocate
 * a new buffer for every 64 KiB, which costs more than the reading itself.
 */
export interface Inlet {
  /** The end that the process writes to; to be destroyed once the process has it. */
  readonly outlet: Socket;
  /**
   * Fills `into` and resolves to how many bytes were written there: all of it, or fewer at the
   * end of the output. One at a time.
   */
  fill(into: Uint8Array): Promise<number>;
  /** Reads no further; the process finds its output closed. */
  close(): void;
}

/** For what lives as long as a process; only root can write there. */
const RUN = '/run';

/** A pair of sockets, since Node offers no pipe(2); what lies in the filesystem is gone at once. */
export async function openInlet(): Promise<Inlet> {
  const directory = await mkdtemp(join(RUN, 'btrferry-'));
  try {
    const path = join(directory, 'socket');
    const server = createServer({ pauseOnConnect: true }).listen(path);
    await once(server, 'listening');
    const filling = new Filling();
    const { buffer, callback } = filling;
    const socket = connect({ path, onread: { buffer, callback } });
    const [outlet] = (await once(server, 'connection')) as [Socket];
    server.close();
    return filling.on(socket, outlet);
  } finally {
    await rm(directory, { recursive: true });
  }
}

class Filling {
  readonly #spare = Buffer.allocUnsafeSlow(SPARE);
  /** What lies in the spare buffer and was not handed over. */
  #left = this.#spare.subarray(0, 0);
  #into: Uint8Array | undefined;
  #filled = 0;
  #ended = false;
  #settle: ((error?: Error) => void) | undefined;

  /** Where the kernel shall put the next bytes. */
  readonly buffer = (): Uint8Array =>
    this.#into === undefined ? this.#spare : this.#into.subarray(this.#filled);

  /** Bytes arrived in `where`; false pauses the socket. */
  readonly callback = (length: number, where: Uint8Array): boolean => {
    if (where === this.#spare) {
      this.#left = this.#spare.subarray(0, length);
      this.#takeLeft();
    } else this.#filled += length;
    if (this.#into !== undefined && this.#filled < this.#into.length) return true;
    this.#done();
    return false;
  };

  on(socket: Socket, outlet: Socket): Inlet {
    socket.on('error', (error) => this.#end(error));
    socket.on('close', () => this.#end());
    return {
      outlet,
      fill: (into) => this.#fill(into, socket),
      close: () => socket.destroy(),
    };
  }

  #fill(into: Uint8Array, socket: Socket): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#into = into;
      this.#filled = 0;
      this.#settle = (error) => (error === undefined ? resolve(this.#filled) : reject(error));
      this.#takeLeft();
      if (this.#filled === into.length || this.#ended) this.#done();
      else socket.resume();
    });
  }

  #takeLeft(): void {
    const into = this.#into;
    if (into === undefined) return;
    const taken = this.#left.subarray(0, into.length - this.#filled);
    into.set(taken, this.#filled);
    this.#filled += taken.length;
    this.#left = this.#left.subarray(taken.length);
  }

  #done(error?: Error): void {
    const settle = this.#settle;
    this.#settle = undefined;
    settle?.(error);
    this.#into = undefined;
  }

  #end(error?: Error): void {
    this.#ended = true;
    this.#done(error);
  }
}
