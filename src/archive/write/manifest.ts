import type { Unsealed } from '../../manifest/document.ts';
import { FORMAT_VERSION } from '../../manifest/format.ts';
import { program } from '../../manifest/program.ts';
import type { Manifest, ManifestPart } from '../../manifest/schema.ts';
import { byteString } from '../../names/byte-string.ts';
import { type Identity, identityRecord } from '../../names/identity.ts';
import type { Summary } from '../../sendstream/summary.ts';
import { FRAME_SIZE } from '../../zstd/frame.ts';

/** The facts about a stream that the stream itself does not carry. */
export interface Origin {
  /** The subvolume that was sent, and where; members are null if unknown. */
  readonly source: Manifest['source'];
  /** The ctransid under which the subvolume was received at the source; null if it was not. */
  readonly sendTransid: string | null;
  /** The same for a parent or clone source, and the title that people know it by. */
  readonly requirement: (
    identity: Identity,
  ) => Pick<Requirement, 'sendTransid' | 'name' | 'filesystem'>;
}

type Requirement = Manifest['cloneSources'][number];

/** A stream that was read to its end. */
export interface Measured {
  readonly summary: Summary;
  /** Bytes of stream. */
  readonly length: number;
  readonly framesXxh64: string;
  readonly parts: ManifestPart[];
  /** zstd level. */
  readonly level: number;
}

/** Describes a stream by its own commands and by its origin. */
export function describeStream(
  { summary, length, framesXxh64, parts, level }: Measured,
  { source, sendTransid, requirement }: Origin,
): Unsealed<Manifest> {
  const required = (identity: Identity): Requirement => ({
    ...identityRecord(identity),
    ...requirement(identity),
  });
  return {
    format: 'btrferry/manifest',
    version: FORMAT_VERSION,
    features: [],
    name: byteString(summary.name),
    kind: summary.kind,
    identity: { ...identityRecord(summary.identity), sendTransid },
    parent: summary.parent === null ? null : required(summary.parent),
    cloneSources: summary.cloneSources.map(required),
    stream: {
      protocol: summary.version,
      length,
      framesXxh64,
      commands: summary.commandCounts as Record<string, number>,
      compressedData: summary.compressedData,
    },
    receiver: summary.needs,
    compression: { algorithm: 'zstd', level, frameSize: FRAME_SIZE },
    parts,
    source,
    tool: program,
    createdAt: new Date().toISOString(),
  };
}
