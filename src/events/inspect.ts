import type { ByteString } from '../names/byte-string.ts';
import type { IdentityRecord } from '../names/identity.ts';
import type { ResultOf } from './result.ts';

/** One command of a stream (`inspect --commands`). */
export interface CommandInspected {
  readonly type: 'command';
  readonly offset: number;
  readonly command: string;
  /** Attributes by name, as printable text. Of data, only the length. */
  readonly attributes: Readonly<Record<string, string | number>>;
}

export interface StreamInspected {
  readonly type: 'stream-inspected';
  readonly file: string;
  readonly name: ByteString;
  readonly protocol: number;
  readonly kind: 'full' | 'incremental';
  readonly identity: IdentityRecord;
  readonly parent: IdentityRecord | null;
  readonly cloneSources: readonly IdentityRecord[];
  readonly length: number;
  readonly commands: Readonly<Record<string, number>>;
  /** Bytes of file data in the stream, and bytes that it clones from other places. */
  readonly written: number;
  readonly cloned: number;
  /** It was made with --no-data: it describes changes and holds no data. */
  readonly noData: boolean;
  readonly compressedData: boolean;
}

export interface InspectResult extends ResultOf<'inspect'> {
  /** Bytes of stream. */
  readonly bytes: number;
  readonly seconds: number;
}
