import { Failure } from '../failure/failure.ts';
import { StreamReader } from '../sendstream/reader.ts';
import type { Identity } from '../sendstream/summary.ts';
import { type Path, printable } from './path.ts';
import { send, showSendable } from './send.ts';
import type { ShownSubvolume } from './subvolume.ts';

/**
 * The identity that a send stream of this snapshot announces. Only such a stream tells: the
 * kernel puts the received UUID there when there is one, and a ctransid that nothing else shows.
 *
 * @throws {Failure} `not-read-only`, `not-found`, `not-btrfs`, `not-a-subvolume`, `send-failed`,
 * `interrupted`, `not-root`, `btrfs-progs`, `storage-failed`.
 */
export async function announcedIdentity(
  snapshot: Path,
  options: { signal?: AbortSignal } = {},
): Promise<Identity> {
  return (await lookAtSnapshot(snapshot, options)).identity;
}

/** What btrfs shows of a snapshot, and its {@link announcedIdentity}; fails as that does. */
export async function lookAtSnapshot(
  snapshot: Path,
  { signal }: { signal?: AbortSignal } = {},
): Promise<{ shown: ShownSubvolume; identity: Identity }> {
  const shown = await showSendable(snapshot);
  return { shown, identity: await askIdentity(snapshot, signal) };
}

async function askIdentity(snapshot: Path, signal: AbortSignal | undefined): Promise<Identity> {
  const { fill, stop, done } = await send({ snapshot, protocol: 1, noData: true, signal });
  const start = new Uint8Array(new SharedArrayBuffer(FIRST_COMMAND));
  const identity = firstIdentity(start.subarray(0, await fill(start)));
  if (identity !== undefined) {
    stop();
    // The process is being ended; until it has, the filesystem can't be unmounted.
    await done.catch(() => {});
    return identity;
  }
  await done;
  const path = printable(snapshot);
  throw new Failure('send-failed', `btrfs send of ${path} announced no subvolume`, {
    where: { path },
  });
}

/** Longer than any header with its first command; bytes. */
const FIRST_COMMAND = 8192;

function firstIdentity(start: Uint8Array): Identity | undefined {
  const reader = new StreamReader({ checkPaths: false });
  for (const command of reader.push(start)) {
    // The kernel announces a snapshot sent without a parent as SUBVOL.
    if (command.type !== 'SUBVOL') return undefined;
    return { uuid: command.uuid, ctransid: command.ctransid };
  }
  return undefined;
}
