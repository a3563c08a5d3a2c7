import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { receiptDocument } from '../../../src/manifest/document.ts';
import type { Manifest } from '../../../src/manifest/schema.ts';
import { forge } from '../../hostile/forge.ts';
import { exampleReceipt } from '../../manifest/example.ts';
import { bytes, streamOf } from '../../sendstream/streams.ts';
import { end, file, good, home, later, type Vector } from './vector.ts';

/** Archives whose streams are all good, and whose records tell which states are one. */

const filesystem = (digit: string) => `${digit.repeat(8)}-0000-4000-8000-000000000000`;

/** A record without its UUID. */
interface Counted {
  /** The filesystem that counts, by a digit; null where it is unknown. */
  readonly by: string | null;
  readonly ctransid: number;
  readonly sendTransid?: number;
}

const text = (sendTransid: number | undefined) =>
  sendTransid === undefined ? null : String(sendTransid);

const sourceOf = (source: Manifest['source'], by: string | null): Manifest['source'] => ({
  ...source,
  filesystem: by === null ? null : filesystem(by),
});

/** A full stream of the one subvolume, in this state. Gives the name of its directory. */
function full(archive: string, name: string, state: Counted): string {
  const { by, ctransid, sendTransid } = state;
  const body = { type: 'SUBVOL', path: bytes('home.1'), uuid: home, ctransid: BigInt(ctransid) };
  const directory = `${name}.11111111.full`;
  forge(archive, streamOf(1, [body as never, file(name), end]), {
    directory,
    manifest: (manifest) => ({
      ...manifest,
      identity: { ...manifest.identity, sendTransid: text(sendTransid) },
      source: sourceOf(manifest.source, by),
    }),
  });
  return directory;
}

/** A stream that builds on the one subvolume in this state. */
function next(archive: string, { by, ctransid, sendTransid }: Counted): void {
  const body = {
    type: 'SNAPSHOT',
    path: bytes('home.2'),
    uuid: later,
    ctransid: 90n,
    cloneUuid: home,
    cloneCtransid: BigInt(ctransid),
  };
  forge(archive, streamOf(1, [body as never, end]), {
    directory: NEXT,
    manifest: (manifest) => ({
      ...manifest,
      parent: manifest.parent && { ...manifest.parent, sendTransid: text(sendTransid) },
      source: sourceOf(manifest.source, by),
    }),
  });
}

const NEXT = 'home.2.66666666.from-11111111';

/** A receipt of a destination that has the one subvolume in this state. */
function receipt(archive: string, { by, ctransid, sendTransid }: Counted): void {
  const uuid = filesystem(by ?? '');
  const subvolume = { uuid: home, ctransid: `${ctransid}`, sendTransid: `${sendTransid}` };
  const { sha256: _seal, ...content } = exampleReceipt({
    filesystem: uuid,
    subvolumes: [{ ...subvolume, localUuid: later, path: 'home.1' }],
  });
  mkdirSync(join(archive, 'receipts'), { recursive: true });
  writeFileSync(join(archive, 'receipts', `${uuid}.json`), receiptDocument.encode(content));
}

const origin: Counted = { by: 'a', ctransid: 7 };
const relay: Counted = { by: 'b', ctransid: 57, sendTransid: 7 };

interface Expectation {
  readonly streams: readonly Counted[];
  readonly required?: Counted;
  readonly receipts?: readonly Counted[];
  readonly conflicts?: boolean;
  readonly missing?: boolean;
}

function states(name: string, about: string, expected: Expectation): Vector {
  const { streams, required, receipts = [], conflicts = false, missing = false } = expected;
  const names = streams.map((_, at) => `home.${String.fromCharCode(97 + at)}`);
  const directories = names.map((each) => `${each}.11111111.full`);
  return {
    name: `state-${name}`,
    about,
    make(archive) {
      for (const [at, state] of streams.entries()) full(archive, names[at] as string, state);
      if (required !== undefined) next(archive, required);
      for (const state of receipts) receipt(archive, state);
    },
    streams: Object.fromEntries(
      [...directories, ...(required === undefined ? [] : [NEXT])].map((each) => [each, good]),
    ),
    conflicts: conflicts ? [home] : [],
    missing: missing ? [home] : [],
  };
}

export const stateVectors: readonly Vector[] = [
  states('changed', 'One UUID in two states of one filesystem.', {
    streams: [origin, { by: 'a', ctransid: 8 }],
    conflicts: true,
  }),
  states('relayed', 'The same from a filesystem that received it, and what builds on that.', {
    streams: [origin, relay],
    required: relay,
  }),
  states('relayed-otherwise', 'From a filesystem that received another state.', {
    streams: [origin, { ...relay, sendTransid: 8 }],
    conflicts: true,
  }),
  states('same-number', 'Two filesystems that count alike, and no record that links them.', {
    streams: [origin, { by: 'b', ctransid: 7 }],
    conflicts: true,
  }),
  states('counted-alike', 'A filesystem that counts the state as it was announced to it.', {
    streams: [origin, { by: 'b', ctransid: 7, sendTransid: 7 }],
    required: { by: 'b', ctransid: 7 },
  }),
  states('by-receipt', 'Handed on twice; only a receipt links the last to the first.', {
    streams: [origin, { by: 'c', ctransid: 70, sendTransid: 57 }],
    receipts: [relay],
  }),
  states('without-receipt', 'The same without the receipt.', {
    streams: [origin, { by: 'c', ctransid: 70, sendTransid: 57 }],
    conflicts: true,
  }),
  states('counted-twice', 'A filesystem that counts two states alike.', {
    streams: [origin, { by: 'a', ctransid: 8 }],
    receipts: [relay],
    required: { by: 'b', ctransid: 57, sendTransid: 8 },
    conflicts: true,
  }),
  states('other-parent', 'A parent that is there in another state.', {
    streams: [origin],
    required: { by: 'a', ctransid: 8 },
    missing: true,
  }),
  states('unknown-filesystem', 'A stream of which no more is known than what it holds.', {
    streams: [{ by: null, ctransid: 7 }],
    required: origin,
  }),
  states('several', 'An announced ctransid that two filesystems count for different states.', {
    streams: [origin, { by: 'a', ctransid: 57 }, relay],
    required: { by: 'c', ctransid: 70, sendTransid: 57 },
    conflicts: true,
    missing: true,
  }),
];
