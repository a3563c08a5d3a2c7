import type { FoundFingerprints, StoredFingerprint } from '../../archive/read/fingerprints.ts';
import { fingerprintsCalled } from '../../archive/read/selection.ts';
import { Failure } from '../../failure/failure.ts';
import { streamText } from '../../names/title.ts';

/**
 * Chooses the fingerprint that a command is about: the one that a word names, or the only one. Of
 * several of one snapshot, takes the first: all are equally good.
 *
 * @throws {Failure} `not-found`, `usage`; that of a damaged one if no other is there
 */
export function chosenFingerprint(
  { fingerprints, damaged }: FoundFingerprints,
  word: string | undefined,
  option: string,
): StoredFingerprint {
  const found = word === undefined ? fingerprints : fingerprintsCalled(fingerprints, word);
  const [first, ...others] = found;
  if (first === undefined) {
    const [unusable] = damaged;
    if (unusable !== undefined) throw unusable.failure;
    const which = word === undefined ? '' : ` of ${word}`;
    throw new Failure('not-found', `no archive has a fingerprint${which}`, {
      hint: 'make it where the snapshot is: btrferry fingerprint <snapshot> --to <archive>',
    });
  }
  const other = others.find((each) => stateKey(each) !== stateKey(first));
  if (other === undefined) return first;
  const names = `${streamText(first.called)} and ${streamText(other.called)}`;
  throw new Failure('usage', `there are fingerprints of ${names}`, {
    hint: `name the one you mean: ${option} ${first.uuid.slice(0, 8)}`,
  });
}

function stateKey({ uuid, ctransid, filesystem }: StoredFingerprint): string {
  return `${uuid} ${ctransid} ${filesystem}`;
}
