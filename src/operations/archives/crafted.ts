import type { IncomingStream } from '../../archive/write/intake.ts';
import type { DraftSettings } from '../../archive/write/journal.ts';
import type { Origin } from '../../archive/write/manifest.ts';
import type { ByteString } from '../../names/byte-string.ts';
import type { StateRecord } from '../../names/state.ts';
import { sourceOf } from '../../zstd/pieces.ts';

/** A stream that this program makes, on its way into archives. */

export function craftedStream(commands: Iterable<Uint8Array>): IncomingStream {
  return { ...sourceOf(commands), done: Promise.resolve(), stop: () => {} };
}

/** @param parent UUID */
export function craftedSettings(
  { uuid, ctransid }: StateRecord,
  parent: string,
  { level, maxPartSize }: Pick<DraftSettings, 'level' | 'maxPartSize'>,
): DraftSettings {
  const made = { cloneSources: [], protocol: 1, compressedData: false } as const;
  return { uuid, ctransid, parent, ...made, level, maxPartSize };
}

/**
 * The origin of a stream whose parent is a subvolume of another filesystem.
 *
 * @param source the snapshot
 * @param title of the parent, for people; undefined if it has none
 */
export function craftedOrigin(
  source: Origin['source'],
  { sendTransid }: StateRecord,
  parent: StateRecord,
  title: ByteString | undefined,
): Origin {
  const { filesystem } = parent;
  return {
    source,
    sendTransid,
    requirement: () => ({
      sendTransid: parent.sendTransid,
      ...(title === undefined ? {} : { name: title }),
      ...(filesystem === null ? {} : { filesystem }),
    }),
  };
}
