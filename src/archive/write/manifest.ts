import type { Unsealed } from '../../manifest/document.ts';
import { FORMAT_VERSION, SPANNED } from '../../manifest/format.ts';
import { program } from '../../manifest/program.ts';
import type { Manifest, ManifestPart, Segment } from '../../manifest/schema.ts';
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
export function describeStream(measured: Measured, origin: Origin): Unsealed<Manifest> {
  const { summary, length, framesXxh64, parts, level } = measured;
  return {
    format: 'btrferry/manifest',
    ...announced(measured, origin),
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
    ...made(origin),
  };
}

/** Describes the beginning of a stream that continues on another medium. */
export function describeSegment(
  measured: Measured,
  span: Segment['span'],
  origin: Origin,
): Unsealed<Segment> {
  const { summary, length, framesXxh64, parts, level } = measured;
  return {
    format: 'btrferry/segment',
    ...announced(measured, origin),
    features: [SPANNED],
    stream: { protocol: summary.version, length, framesXxh64 },
    compression: { algorithm: 'zstd', level, frameSize: FRAME_SIZE },
    parts,
    span,
    ...made(origin),
  };
}

/** The members that a manifest and a segment begin with. */
function announced({ summary, parts }: Measured, { sendTransid, requirement }: Origin) {
  const required = (identity: Identity): Requirement => ({
    ...identityRecord(identity),
    ...requirement(identity),
  });
  const isSpanned = parts.some(({ medium }) => typeof medium === 'object');
  return {
    version: FORMAT_VERSION,
    features: isSpanned ? [SPANNED] : [],
    name: byteString(summary.name),
    kind: summary.kind,
    identity: { ...identityRecord(summary.identity), sendTransid },
    parent: summary.parent === null ? null : required(summary.parent),
    cloneSources: summary.cloneSources.map(required),
  } as const;
}

/** The members that they end with. */
function made({ source }: Origin) {
  return { source, tool: program, createdAt: new Date().toISOString() };
}
