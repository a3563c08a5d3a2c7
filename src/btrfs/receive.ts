import { closeSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { Failure } from '../failure/failure.ts';
import type { Path } from '../names/path.ts';
import { printable } from '../names/printable.ts';
import { complaint, type Ended } from '../process/program.ts';
import { adviceOn, assertStarted } from './command.ts';
import { assertBtrfs } from './filesystem.ts';
import { bytesInPipe } from './ioctl.ts';
import { openPipe, writeAll } from './pipe.ts';
import { type Confinement, type SandboxedReceive, sandboxAround } from './sandbox.ts';

/**
 * The end of a `btrfs receive` that reported no error. It proves nothing yet: see {@link prove}.
 */
export interface ReceiveOutcome {
  readonly exitCode: 0;
  /** Its stderr in lines, without the middle of very long output. */
  readonly stderr: readonly string[];
  readonly confinement: Confinement;
}

/** A running `btrfs receive`. */
export interface Receiving {
  readonly confinement: Confinement;
  /**
   * Writes bytes of the stream; call it once at a time. Resolves when the process has read all but
   * the 64 KiB that a pipe holds, and the caller may reuse the buffer. Rejects with the failure of
   * the process if it has ended.
   */
  write(bytes: Uint8Array): Promise<void>;
  /**
   * Resolves when the process has read all bytes, or has ended. It may still be working on the last
   * command.
   */
  drain(): Promise<void>;
  /**
   * Ends the stream and waits for the process.
   *
   * @throws {Failure} `receive-failed` for an exit code other than 0 and for any line that starts
   *   with `ERROR:`; `no-space`, `interrupted`, `not-root`, `btrfs-progs`
   */
  end(): Promise<ReceiveOutcome>;
  /** Ends the process and waits for it. The caller removes what it received. */
  abort(): Promise<void>;
}

/** Receives streams into one directory, one after another. */
export interface Receiver {
  /**
   * Starts `btrfs receive` with the strongest confinement that this machine has.
   *
   * @throws {Failure} `not-found`, `not-btrfs`, `not-root`, `btrfs-progs`, `interrupted`,
   *   `storage-failed`
   */
  receive(signal?: AbortSignal): Promise<Receiving>;
  /** Call it when the last process has ended. */
  close(): void;
}

export function receiverInto(into: Path): Receiver {
  const confining = sandboxAround(into);
  return {
    async receive(signal) {
      await assertBtrfs(into);
      const { readEnd, writeEnd } = await openPipe();
      try {
        return receiving(into, await confining.receive(readEnd, signal), writeEnd);
      } catch (error) {
        closeSync(writeEnd);
        throw error;
      } finally {
        closeSync(readEnd);
      }
    },
    close: confining.close,
  };
}

/** Milliseconds between two checks whether a pipe is empty. */
const DRAIN_PAUSE = 1;

function receiving(
  into: Path,
  { child, confinement, lead }: SandboxedReceive,
  /** The end of the pipe to write to. */
  writeEnd: number,
): Receiving {
  let writing = Promise.resolve(true);
  let open = true;
  const close = async () => {
    if (!open) return;
    open = false;
    await writing.catch(() => {});
    closeSync(writeEnd);
  };

  /** Judges how the process ended. A good end before the end of the stream is a failure too. */
  const outcome = async (whole: boolean): Promise<ReceiveOutcome> => {
    await close();
    const result = await child.ended;
    assertStarted(result);
    const stderr = result.stderr.slice(lead === undefined ? 0 : result.stderr.indexOf(lead) + 1);
    if (whole && result.exitCode === 0 && result.error === undefined) {
      return { exitCode: 0, stderr, confinement };
    }
    throw receiveFailure(into, { ...result, stderr });
  };

  return {
    confinement,
    async write(bytes) {
      writing = open ? writeAll(writeEnd, bytes) : Promise.resolve(false);
      if (!(await writing)) await outcome(false);
    },
    async drain() {
      let ended = false;
      void child.ended.then(() => {
        ended = true;
      });
      while (open && !ended && bytesInPipe(writeEnd) > 0) await setTimeout(DRAIN_PAUSE);
    },
    end: () => outcome(open),
    async abort() {
      child.stop();
      await close();
      await child.ended;
    },
  };
}

function receiveFailure(into: Path, ended: Ended): Failure {
  const path = printable(into);
  const said = complaint(ended);
  if (/no space left on device|disk quota exceeded/i.test(said)) {
    return new Failure('no-space', `no space left at ${path}: ${said}`, {
      hint: 'free some space at the destination, and give the same command again',
      where: { path },
    });
  }
  return new Failure('receive-failed', `btrfs receive into ${path} failed: ${said}`, {
    ...adviceOn(said),
    where: { path },
  });
}
