import { setTimeout } from 'node:timers/promises';
import { type SendOptions, send } from '../../btrfs/send.ts';
import { STREAM_HEADER } from '../../sendstream/commands.ts';
import { StreamReader } from '../../sendstream/reader.ts';
import { sizeWithData } from '../../sendstream/size.ts';
import type { Meter } from '../meter.ts';
import type { Protocol } from './protocol.ts';
import type { Snapshot } from './snapshot.ts';

export function sendOptions(
  snapshot: Snapshot,
  parent: Snapshot | null,
  cloneSources: readonly Snapshot[],
  protocol: Protocol,
  signal: AbortSignal,
): SendOptions {
  return {
    snapshot: snapshot.path,
    parent: parent?.path,
    cloneSources: cloneSources.map((source) => source.path),
    protocol: protocol.version,
    compressedData: protocol.compressedData,
    signal,
  };
}

/** Bytes to read at a time. */
const PIECE = 256 * 1024;

/**
 * Measures a stream without sending its data, in about a fifth of the time of a send.
 *
 * @returns bytes: the exact length, or an upper bound if extents are sent compressed
 */
export async function measureStream(options: SendOptions): Promise<number> {
  const { fill, stop, done } = await send({ ...options, noData: true, patient: true });
  const reader = new StreamReader({ checkPaths: false });
  const piece = new Uint8Array(new SharedArrayBuffer(PIECE));
  let total = STREAM_HEADER;
  try {
    for (let length = PIECE; length === PIECE; ) {
      length = await fill(piece);
      for (const command of reader.push(piece.subarray(0, length))) {
        total += sizeWithData(command, reader.version ?? options.protocol);
      }
    }
    await done;
    reader.finish();
    return total;
  } finally {
    stop();
  }
}

/** Milliseconds after which a user wants to know how long a stream will be. */
const SOON = 1000;

/**
 * Measures a stream while it is being sent, for the progress display. Never fails: the send itself
 * reports what is wrong.
 */
export async function measureMeanwhile(options: SendOptions, meter: Meter): Promise<void> {
  try {
    await setTimeout(SOON, undefined, { signal: options.signal });
    meter.total = await measureStream(options);
  } catch {
    // Only the total stays unknown.
  }
}
