import { closeSync } from 'node:fs';
import { Failure } from '../failure/failure.ts';
import { announcedUuid } from '../names/identity.ts';
import { type Path, pathBytes } from '../names/path.ts';
import { printable } from '../names/printable.ts';
import { shellWord } from '../names/shell.ts';
import { complaint, start } from '../process/program.ts';
import { adviceOn, assertStarted } from './command.ts';
import { isMounted } from './mounts.ts';
import { openPipe } from './pipe.ts';
import { readPipe } from './pipe-reader.ts';
import { lookAtStanding } from './standing.ts';
import { type Subvolume, showSubvolume } from './subvolume.ts';

/** The snapshot to send, and how. */
export interface SendOptions {
  readonly snapshot: Path;
  readonly parent?: Path | undefined;
  /** Without a parent, btrfs takes the best of these as the parent. */
  readonly cloneSources?: readonly Path[];
  /** 2 needs Linux 6.0 and btrfs-progs 6.0. */
  readonly protocol: 1 | 2;
  /** Send compressed extents as they are stored. Needs protocol 2. */
  readonly compressedData?: boolean;
  /**
   * Send UPDATE_EXTENT commands in place of data. Such a stream is fast, and cannot be received.
   */
  readonly noData?: boolean;
  /** Run with the lowest priority. */
  readonly patient?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** A running `btrfs send`. */
export interface Sending {
  /**
   * Fills `into` with the next bytes of the stream. Fewer bytes, or none, come only at the end. The
   * process waits for its reader. The stream also ends early if the process fails, so only `done`
   * tells that it is complete.
   */
  fill(into: Uint8Array<SharedArrayBuffer>): Promise<number>;
  /** Ends the process early. */
  stop(): void;
  /**
   * Resolves when the process has succeeded, which it does after its output was read.
   *
   * @throws {Failure} `send-failed`, `interrupted`, `not-root`, `btrfs-progs`
   */
  readonly done: Promise<void>;
}

/** Starts `btrfs send`. */
export async function send(options: SendOptions): Promise<Sending> {
  const { readEnd, writeEnd } = await openPipe();
  const { fill, close } = readPipe(readEnd);
  const { signal } = options;
  const [program, args] = options.patient
    ? ['nice', ['-n', '19', 'btrfs', ...sendArguments(options)]]
    : ['btrfs', sendArguments(options)];
  const child = start(program as string, args as Path[], { stdout: writeEnd, signal });
  closeSync(writeEnd);
  const done = child.ended.then((ended) => {
    assertStarted(ended);
    if (ended.exitCode === 0 && ended.error === undefined) return;
    // The output may end by the abort before the process does.
    if (signal?.aborted) throw new Failure('interrupted', 'interrupted');
    const path = printable(options.snapshot);
    const said = complaint(ended);
    throw new Failure('send-failed', `btrfs send of ${path} failed: ${said}`, {
      ...adviceOn(said),
      where: { path },
    });
  });
  // The reader of the output learns of the failure afterwards.
  done.catch(() => {});
  const stop = () => {
    close();
    child.stop();
  };
  return { fill, stop, done };
}

/**
 * Shows a subvolume that can be sent.
 *
 * @throws {Failure} `not-read-only`, with the command that makes a snapshot which can be sent;
 *   `not-found`, `not-btrfs`, `not-a-subvolume`, `not-root`, `btrfs-progs`, `storage-failed`
 */
export async function showSendable(snapshot: Path): Promise<Subvolume> {
  const shown = await showSubvolume(snapshot);
  if (shown.readOnly) return shown;
  const path = printable(snapshot);
  // A directory beside a mount point is on another filesystem.
  const suffix = (await isMounted(snapshot)) ? '/snapshot-ro' : '-ro';
  throw new Failure('not-read-only', `${path} is not read-only, so it cannot be sent`, {
    hint: `make a read-only snapshot, and send that: btrfs subvolume snapshot -r ${named(snapshot)} ${named(snapshot, suffix)}`,
    where: { path },
  });
}

/**
 * Shows a subvolume that can be sent and that is what its UUID says. A stream of another one would
 * announce the UUID of something else. The caller must have synced the filesystem.
 *
 * @throws {Failure} `not-genuine`, with the commands that make a snapshot which can be sent; those
 *   of {@link showSendable}
 */
export async function showGenuine(snapshot: Path, signal?: AbortSignal): Promise<Subvolume> {
  const shown = await showSendable(snapshot);
  const standing = await lookAtStanding(snapshot, shown, signal);
  if (standing === 'genuine') return shown;
  const path = printable(snapshot);
  const reason =
    standing === 'copied'
      ? 'is a snapshot of a received subvolume, and bears its UUID without proof that nothing was changed in between'
      : 'was changed after it was received, and still bears the UUID of what it was';
  const [writable, fresh] = [named(snapshot, '.rw'), named(snapshot, '.new')];
  throw new Failure('not-genuine', `${path} ${reason}`, {
    hint: `a snapshot of a writable one has a UUID of its own; export that: btrfs subvolume snapshot ${named(snapshot)} ${writable} && btrfs subvolume snapshot -r ${writable} ${fresh}`,
    where: { path, uuid: announcedUuid(shown), found: standing },
  });
}

/**
 * Refuses a snapshot if another subvolume bears its UUID in another state that was written in the
 * same transaction: their streams would announce the same identity.
 *
 * @param subvolumes all of its filesystem
 * @throws {Failure} `not-genuine`
 */
export function assertUnmistakable(
  snapshot: Path,
  shown: Subvolume,
  subvolumes: readonly Subvolume[],
) {
  const other = subvolumes.find(
    (each) =>
      each.id !== shown.id &&
      announcedUuid(each) === announcedUuid(shown) &&
      each.ctransid === shown.ctransid &&
      each.sendTransid !== shown.sendTransid,
  );
  if (other === undefined) return;
  const path = printable(snapshot);
  throw new Failure(
    'not-genuine',
    `a stream of ${path} could be one of ${printable(other.path)} just as well`,
    {
      hint: `delete the one that is not needed; or give ${path} a UUID of its own, as a snapshot of a writable snapshot of it`,
      where: { path, uuid: announcedUuid(shown) },
    },
  );
}

function sendArguments(options: SendOptions): Path[] {
  const { snapshot, parent, cloneSources = [], protocol, compressedData, noData } = options;
  return [
    '-q',
    'send',
    // btrfs-progs has --proto since 6.0.
    ...(protocol === 1 ? [] : ['--proto', String(protocol)]),
    ...(compressedData ? ['--compressed-data'] : []),
    ...(noData ? ['--no-data'] : []),
    ...(parent === undefined ? [] : ['-p', parent]),
    ...cloneSources.flatMap((source) => ['-c', source]),
    snapshot,
  ];
}

/** A path for a shell, without slashes at its end, and with a suffix. */
function named(path: Path, suffix = ''): string {
  const text = pathBytes(path).toString('latin1');
  const trimmed = suffix === '' ? text : text.replace(/\/+$/, '');
  return shellWord(Buffer.from(trimmed + suffix, 'latin1'));
}
