import { type Identity, identityKey } from '../names/identity.ts';
import type { BodyOf, Command, CommandName, StreamVersion } from './commands.ts';
import { malformed } from './malformed.ts';

/** What one stream is, needs and holds. */
export interface Summary {
  readonly version: StreamVersion;
  readonly kind: 'full' | 'incremental';
  /** Name of the subvolume, a copy. */
  readonly name: Uint8Array;
  readonly identity: Identity;
  /** What the SNAPSHOT command is based on; null for a full stream. */
  readonly parent: Identity | null;
  /** What CLONE commands name besides the subvolume itself and its parent, as first met. */
  readonly cloneSources: readonly Identity[];
  /** How many commands there are of each kind that occurs. */
  readonly commandCounts: { readonly [N in CommandName]?: number };
  /** Bytes of file data in WRITE and ENCODED_WRITE, as they stand in the stream. */
  readonly written: number;
  /** Bytes that CLONE shares with what the destination has. */
  readonly cloned: number;
  /** Bytes that UPDATE_EXTENT announces in place of data. */
  readonly announced: number;
  /** Whether UPDATE_EXTENT occurs: such a stream holds no file data, and restores none. */
  readonly noData: boolean;
  /** Whether ENCODED_WRITE occurs: extents travel as the source stored them. */
  readonly compressedData: boolean;
  /** The oldest btrfs-progs that can receive the stream. */
  readonly needs: { readonly btrfsProgs: string };
}

/** Distinct clone sources of one stream at most, so that a hostile one takes no memory. */
const CLONE_SOURCES_MAX = 65_536;

/**
 * The first release that has `receive` for version 1 (3.12 is the first numbered one after 0.19,
 * which had none), and the first for version 2 (6.0).
 */
const leastProgs = { 1: '3.12', 2: '6.0' } as const;

type FirstCommand = BodyOf<'SUBVOL'> | BodyOf<'SNAPSHOT'>;

/** Gathers the summary of a stream from its commands, each given once and in order. */
export class StreamSummary {
  readonly #counts: { [N in CommandName]?: number } = {};
  readonly #cloneSources = new Map<string, Identity>();
  #first: FirstCommand | undefined;
  #written = 0;
  #cloned = 0n;
  #announced = 0n;

  /** @throws Failure `stream-malformed` for more than 65,536 distinct clone sources */
  add(command: Command): void {
    this.#counts[command.type] = (this.#counts[command.type] ?? 0) + 1;
    switch (command.type) {
      case 'SUBVOL':
      case 'SNAPSHOT':
        this.#first = { ...command, path: new Uint8Array(command.path) };
        break;
      case 'WRITE':
      case 'ENCODED_WRITE':
        this.#written += command.data.length;
        break;
      case 'UPDATE_EXTENT':
        this.#announced += command.size;
        break;
      case 'CLONE':
        this.#cloned += command.cloneLen;
        this.#addCloneSource(command);
        break;
    }
  }

  #addCloneSource(command: Extract<Command, { type: 'CLONE' }>): void {
    const { cloneUuid: uuid, cloneCtransid: ctransid } = command;
    const first = this.#first;
    if (uuid === first?.uuid) return;
    if (
      first?.type === 'SNAPSHOT' &&
      uuid === first.cloneUuid &&
      ctransid === first.cloneCtransid
    ) {
      return;
    }
    const key = identityKey({ uuid, ctransid });
    if (this.#cloneSources.has(key)) return;
    if (this.#cloneSources.size === CLONE_SOURCES_MAX) {
      throw malformed(command.offset, `more than ${CLONE_SOURCES_MAX} clone sources`);
    }
    this.#cloneSources.set(key, { uuid, ctransid });
  }

  /** What the first command announces; undefined before it was added. */
  get announced(): { readonly identity: Identity; readonly parent: Identity | null } | undefined {
    const first = this.#first;
    if (first === undefined) return undefined;
    return {
      identity: { uuid: first.uuid, ctransid: first.ctransid },
      parent: baseOf(first),
    };
  }

  /** Distinct sources of the CLONE commands so far, other than the subvolume and its parent. */
  get cloneSources(): Identity[] {
    return [...this.#cloneSources.values()];
  }

  /**
   * The summary of the commands so far, of which the first must have been one.
   *
   * @param version of the stream, as the reader found it
   */
  result(version: StreamVersion): Summary {
    const first = this.#first;
    if (first === undefined) throw new Error('no first command to summarise');
    return {
      version,
      kind: first.type === 'SUBVOL' ? 'full' : 'incremental',
      name: first.path,
      identity: { uuid: first.uuid, ctransid: first.ctransid },
      parent: baseOf(first),
      cloneSources: this.cloneSources,
      commandCounts: { ...this.#counts },
      written: this.#written,
      cloned: toNumber(this.#cloned),
      announced: toNumber(this.#announced),
      noData: this.#counts.UPDATE_EXTENT !== undefined,
      compressedData: this.#counts.ENCODED_WRITE !== undefined,
      needs: { btrfsProgs: leastProgs[version] },
    };
  }
}

function baseOf(first: FirstCommand): Identity | null {
  if (first.type === 'SUBVOL') return null;
  return { uuid: first.cloneUuid, ctransid: first.cloneCtransid };
}

/** Sums past 2^53 - 1 come only from streams that no filesystem could have sent: cut to that. */
function toNumber(bytes: bigint): number {
  return Number(bytes > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : bytes);
}
