import { sourceIn } from '../../../src/archive/read/source.ts';
import { type StoredStream, storedStream } from '../../../src/archive/read/stored-stream.ts';
import type { Unsealed } from '../../../src/manifest/document.ts';
import type { Manifest } from '../../../src/manifest/schema.ts';
import type { StateRecord } from '../../../src/names/state.ts';
import type { DestinationSubvolume } from '../../../src/operations/import/destination.ts';
import type { ImportFacts } from '../../../src/operations/import/view.ts';
import type { Store } from '../../../src/store/store.ts';
import { exampleManifest } from '../../manifest/example.ts';

/** Facts for plans of an import, made by hand. */

/** A UUID that begins with these digits. */
export const uuid = (digits: string) =>
  `${digits.padEnd(8, '0')}-0000-0000-0000-${digits.padEnd(12, '0')}`;

/** The UUID that a subvolume received from `of` has at the destination. */
export const local = (of: string) => uuid(`f${of}`);

export interface StreamOptions {
  readonly name?: Manifest['name'];
  readonly ctransid?: string;
  readonly from?: string;
  readonly clones?: readonly string[];
  /** The filesystem that produced it; by default `s`. */
  readonly filesystem?: string;
  /** The ctransids under which it, and what it requires, were announced to that filesystem. */
  readonly sendTransid?: string;
  /** The ctransid of what it requires, at that filesystem. */
  readonly requiredCtransid?: string;
  readonly btrfsProgs?: string;
  readonly stored?: number;
  readonly change?: Partial<Unsealed<Manifest>>;
}

const store = { location: 'archive' } as Store;

/** A stream whose UUID begins with `id`; full unless it is `from` another. */
export function stream(id: string, options: StreamOptions = {}): StoredStream {
  const { name = `home.${id}`, ctransid = '10', from, clones = [], stored = 9 } = options;
  const { filesystem = 's', sendTransid = null, requiredCtransid = '10' } = options;
  const requirement = (of: string) => ({
    uuid: uuid(of),
    ctransid: requiredCtransid,
    sendTransid,
    name: `home.${of}`,
  });
  const manifest = exampleManifest({
    name,
    kind: from === undefined ? 'full' : 'incremental',
    identity: { uuid: uuid(id), ctransid, sendTransid },
    source: { ...exampleManifest().source, filesystem: uuid(filesystem) },
    parent: from === undefined ? null : requirement(from),
    cloneSources: clones.map(requirement),
    receiver: { btrfsProgs: options.btrfsProgs ?? '3.12' },
    parts: exampleManifest().parts.map((part) => ({ ...part, length: stored })),
    ...options.change,
  });
  const origin = from === undefined ? 'full' : `from-${uuid(from).slice(0, 8)}`;
  const directory = `streams/home.${id}.${uuid(id).slice(0, 8)}.${origin}`;
  return storedStream(sourceIn(store, directory), { ...manifest, sha256: '' });
}

/** The state of what was received from the stream of this id, which announced `sendTransid`. */
export function receivedState(id: string, sendTransid = '10'): StateRecord {
  return { filesystem: here, uuid: uuid(id), ctransid: '500', sendTransid };
}

/** UUID of the destination's filesystem. */
export const here = uuid('e');

/** A subvolume at the destination that was received from the stream of this id. */
export function received(
  id: string,
  change: Partial<DestinationSubvolume> = {},
): DestinationSubvolume {
  return {
    path: `backup/home.${id}`,
    uuid: local(id),
    state: receivedState(id),
    standing: 'genuine',
    reachable: true,
    taken: true,
    ...change,
  };
}

export function facts(
  streams: readonly StoredStream[],
  subvolumes: readonly DestinationSubvolume[] = [],
  change: Partial<ImportFacts> = {},
): ImportFacts {
  return {
    streams,
    spoiled: new Map(),
    damaged: [],
    receipts: [],
    fingerprints: [],
    filesystem: here,
    subvolumes,
    taken: [],
    earlier: [],
    only: [],
    again: false,
    template: undefined,
    btrfsProgs: { major: 6, minor: 2, patch: 0, text: 'v6.2' },
    ...change,
  };
}
