import { type Failure, failureOfFile } from '../../failure/failure.ts';
import { fingerprintDocument } from '../../manifest/document.ts';
import type { Fingerprint } from '../../manifest/schema.ts';
import type { StateRecord } from '../../names/state.ts';
import { type StreamName, titleOf } from '../../names/title.ts';
import type { Store } from '../../store/store.ts';
import { FINGERPRINT_FILE, FINGERPRINTS, isIncoming } from '../layout.ts';
import { readDocument } from './document.ts';
import { sourceIn } from './source.ts';
import type { StoredParts } from './stored-stream.ts';

/** A published fingerprint: the state of the snapshot, and its lines in parts. */
export interface StoredFingerprint extends StateRecord, StoredParts {
  readonly fingerprint: Fingerprint;
  readonly called: StreamName;
}

/** The fingerprints of an archive, and why others cannot be used. */
export interface FoundFingerprints {
  readonly fingerprints: readonly StoredFingerprint[];
  readonly damaged: readonly { readonly directory: string; readonly failure: Failure }[];
}

/** Reads the documents of all fingerprints of an archive. */
export async function readFingerprints(store: Store): Promise<FoundFingerprints> {
  const fingerprints: StoredFingerprint[] = [];
  const damaged: { directory: string; failure: Failure }[] = [];
  for (const { name, kind } of await store.list(FINGERPRINTS)) {
    if (kind !== 'directory' || isIncoming(name) || name.startsWith('.')) continue;
    const directory = `${FINGERPRINTS}/${name}`;
    try {
      const file = `${directory}/${FINGERPRINT_FILE}`;
      const document = await readDocument(store, file, fingerprintDocument);
      fingerprints.push(storedFingerprint(store, directory, document));
    } catch (error) {
      damaged.push({ directory, failure: failureOfFile(error) });
    }
  }
  return { fingerprints, damaged };
}

function storedFingerprint(
  store: Store,
  directory: string,
  fingerprint: Fingerprint,
): StoredFingerprint {
  const { identity, name, source, parts, tree } = fingerprint;
  return {
    ...identity,
    filesystem: source.filesystem,
    source: sourceIn(store, directory, FINGERPRINT_FILE),
    fingerprint,
    called: { name, title: titleOf(name, source.path), uuid: identity.uuid },
    manifest: { parts, stream: tree },
  };
}
