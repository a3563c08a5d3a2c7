import { type Identity, identityKey } from '../names/identity.ts';
import type { BodyOf, Command, CommandName, StreamVersion } from './commands.ts';
import { malformed } from './malformed.ts';

/** The identity, requirements and contents of one stream. */
export interface Summary {
  readonly version: StreamVersion;
  readonly kind: 'full' | 'incremental';
  /** Name of the subvolume. A copy. */
  readonly name: Uint8Array;
  readonly identity: Identity;
  /** The parent that SNAPSHOT names; null for a full stream. */
  readonly parent: Identity | null;
  /**
   * The sources of CLONE commands other than the subvolume and its parent, in the order of the
   * stream.
   */
  readonly cloneSources: readonly Identity[];
  /** The number of commands of each kind that occurs. */
  readonly commandCounts: { readonly [N in CommandName]?: number };
  /** Bytes of file data in WRITE and ENCODED_WRITE as the stream holds them. */
  readonly written: number;
  /** Bytes that CLONE shares with data at the destination. */
  readonly cloned: number;
  /** Bytes that UPDATE_EXTENT announces in place of data. */
  readonly announced: number;
  /** UPDATE_EXTENT occurs: the stream holds no file data and restores none. */
  readonly noData: boolean;
  /** ENCODED_WRITE occurs: extents are sent as the source stored them. */
  readonly compressedData: boolean;
  /** The oldest btrfs-progs that can receive the stream. */
  readonly needs: { readonly btrfsProgs: string };
}

/** The most clone sources of one stream. It bounds the memory that a hostile stream can take. */
const CLONE_SOURCES_MAX = 65_536;

/**
 * The first btrfs-progs that receives each version: 3.12 is the first numbered release after 0.19,
 * which could not receive at all.
 */
const leastProgs = { 1: '3.12', 2: '6.0' } as const;

type FirstCommand = BodyOf<'SUBVOL'> | BodyOf<'SNAPSHOT'>;

/** Gathers the summary of a stream. Takes each command once, in order. */
export class StreamSummary {
  readonly #counts: { [N in CommandName]?: number } = {};
  readonly #cloneSources = new Map<string, Identity>();
  #first: FirstCommand | undefined;
  #written = 0;
  #cloned = 0n;
  #announced = 0n;

  /** @throws {Failure} `stream-malformed` if there are more than 65,536 clone sources */
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

  /** The identity and parent that the first command announces; undefined before it was added. */
  get announced(): { readonly identity: Identity; readonly parent: Identity | null } | undefined {
    const first = this.#first;
    if (first === undefined) return undefined;
    return {
      identity: { uuid: first.uuid, ctransid: first.ctransid },
      parent: baseOf(first),
    };
  }

  /** The clone sources so far, other than the subvolume and its parent. */
  get cloneSources(): Identity[] {
    return [...this.#cloneSources.values()];
  }

  /**
   * Returns the summary of the commands so far, of which there must be one.
   *
   * @param version of the stream, from the reader
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

/** Limits a sum to 2^53 - 1. No filesystem can send more. */
function toNumber(bytes: bigint): number {
  return Number(bytes > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : bytes);
}
