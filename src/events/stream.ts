import type { Failure } from '../failure/failure.ts';
import type { ByteString } from '../names/byte-string.ts';
import type { StreamName } from '../names/title.ts';

/** The progress of one stream through an operation. */

export interface StreamBegun {
  readonly type: 'stream-begun';
  readonly action:
    | 'export'
    | 'import'
    | 'salvage'
    | 'verify'
    | 'copy'
    | 'fingerprint'
    | 'compare'
    | 'protect';
  readonly stream: StreamName;
  /** Place among the streams of this run, from 1. */
  readonly index: number;
  readonly count: number;
}

/** The progress of the last stream that began. Emitted at most every 100 ms. */
export interface Progress {
  readonly type: 'progress';
  readonly action: StreamBegun['action'];
  /** Bytes of stream done. */
  readonly bytes: number;
  /** Bytes of the whole stream; undefined if unknown. */
  readonly total: number | undefined;
  /** Bytes stored or read so far. */
  readonly stored: number;
}

export interface StreamDone {
  readonly type: 'stream-done';
  readonly action: StreamBegun['action'];
  readonly stream: StreamName;
  /** Directory in the archive, or path of the subvolume. */
  readonly at: ByteString;
  readonly bytes: number;
  readonly stored: number;
  readonly seconds: number;
  /** Frames of an interrupted export that were used again. */
  readonly reusedFrames?: number;
  /** All frames of an exported stream. */
  readonly frames?: number;
}

/** A frame that one archive does not have good, and that another one provided. */
export interface FrameTaken {
  readonly type: 'frame-taken';
  readonly stream: StreamName;
  /** Where the frame begins in the stream, bytes. */
  readonly offset: number;
  /** The archive that provided it; null if every frame is good and other bytes of a part differ. */
  readonly archive: string | null;
  /** Its place is that of the damage. */
  readonly failure: Failure;
}

/** One of several streams was refused. The others go on. */
export interface StreamRefused {
  readonly type: 'stream-refused';
  readonly stream: StreamName;
  readonly failure: Failure;
}
