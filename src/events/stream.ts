import type { Failure } from '../failure/failure.ts';
import type { ByteString } from '../names/byte-string.ts';
import type { StreamName } from '../names/title.ts';

/** The way of one stream through an operation. */

export interface StreamBegun {
  readonly type: 'stream-begun';
  readonly action: 'export' | 'import' | 'verify';
  readonly stream: StreamName;
  /** Place among the streams of this run, from 1. */
  readonly index: number;
  readonly count: number;
}

/** How far the stream begun last is; emitted at most every 100 ms. */
export interface Progress {
  readonly type: 'progress';
  readonly action: StreamBegun['action'];
  /** Bytes of stream done. */
  readonly bytes: number;
  /** Bytes of stream in all, where that is known. */
  readonly total: number | undefined;
  /** Bytes as stored, done. */
  readonly stored: number;
}

export interface StreamDone {
  readonly type: 'stream-done';
  readonly action: StreamBegun['action'];
  readonly stream: StreamName;
  /** Where it lies now: directory in the archive, or path of the subvolume. */
  readonly at: ByteString;
  readonly bytes: number;
  readonly stored: number;
  readonly seconds: number;
  /** Frames that an interrupted export had left and that were neither compressed nor written. */
  readonly reusedFrames?: number;
  /** Frames in all, of an export. */
  readonly frames?: number;
}

/** One of several streams could not be dealt with; the others go on. */
export interface StreamRefused {
  readonly type: 'stream-refused';
  readonly stream: StreamName;
  readonly failure: Failure;
}
