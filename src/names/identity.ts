import type { ByteString } from './byte-string.ts';
import { printable } from './printable.ts';
import type { StateRecord } from './state.ts';

/** The identity that a stream announces for a subvolume. */
export interface Identity {
  /** Lower case, with dashes. */
  readonly uuid: string;
  /** u64 */
  readonly ctransid: bigint;
}

/** An identity with its u64 in decimal, as JSON holds it. */
export interface IdentityRecord {
  readonly uuid: string;
  readonly ctransid: string;
}

/** The identity of something that a stream requires; `name` is its title at the source, if known. */
export interface NamedIdentity extends IdentityRecord {
  readonly name?: ByteString;
}

/** An identity in its JSON form. */
export function identityRecord({ uuid, ctransid }: Identity): IdentityRecord {
  return { uuid, ctransid: String(ctransid) };
}

/** An identity in its JSON form, with the name that people know it by. */
export function namedIdentity({ uuid, ctransid, name }: NamedIdentity): NamedIdentity {
  return { uuid, ctransid, ...(name === undefined ? {} : { name }) };
}

/** A text that two identities share only if they are equal. */
export function identityKey({ uuid, ctransid }: Identity | IdentityRecord): string {
  return `${uuid} (ctransid ${ctransid})`;
}

/** A required identity for people: its name, if known, and its UUID. */
export function identityText({ name, uuid }: NamedIdentity): string {
  return name === undefined ? uuid : `${printable(name)} (${uuid})`;
}

/** The fields of a subvolume that its identity depends on. */
interface Announcing {
  readonly uuid: string;
  readonly receivedUuid: string | null;
  readonly ctransid: bigint;
  /** The ctransid announced by the stream that the subvolume was received from. */
  readonly sendTransid: bigint;
}

/** The UUID that a send stream of a subvolume announces, and that `btrfs receive` looks it up by. */
export function announcedUuid({
  uuid,
  receivedUuid,
}: Pick<Announcing, 'uuid' | 'receivedUuid'>): string {
  return receivedUuid ?? uuid;
}

/**
 * The state of a subvolume as its filesystem counts it, and as a send stream of it announces it:
 * the kernel announces the received UUID if there is one, but its own ctransid.
 *
 * @param filesystem UUID
 */
export function stateOf(filesystem: string, subvolume: Announcing): StateRecord {
  const { receivedUuid, ctransid, sendTransid } = subvolume;
  return {
    filesystem,
    uuid: announcedUuid(subvolume),
    ctransid: String(ctransid),
    sendTransid: receivedUuid === null ? null : String(sendTransid),
  };
}
