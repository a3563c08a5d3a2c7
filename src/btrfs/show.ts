import { Failure } from '../failure/failure.ts';

/** What `btrfs subvolume show` tells of one subvolume. */
export interface Shown {
  readonly id: number;
  readonly uuid: string;
  readonly parentUuid: string | null;
  readonly receivedUuid: string | null;
  readonly created: Date | null;
  readonly generation: bigint;
  readonly creationGeneration: bigint;
  readonly topLevel: number;
  readonly readOnly: boolean;
  /** The ctransid that the stream announced which this subvolume was received from; else 0. */
  readonly sendTransid: bigint;
  readonly receiveTransid: bigint;
}

/**
 * Parses the output of `btrfs subvolume show`, given the subvolume's path from the top level.
 * The output begins with that path and its last component, both unescaped, so only who knows
 * them knows where the fields begin.
 *
 * @throws {Failure} `btrfs-progs` when the output does not have that shape.
 */
export function parseShow(output: Buffer, path: Buffer): Shown {
  const text = output.toString('latin1');
  const where = path.toString('latin1');
  const name = path.length === 0 ? '<FS_TREE>' : where.slice(where.lastIndexOf('/') + 1);
  const head = `${where === '' ? '/' : where}\n\tName: \t\t\t${name}\n`;
  if (!text.startsWith(head)) throw unexpected('a path and a name');
  const fields = new Map<string, string>();
  for (const line of text.slice(head.length).split('\n')) {
    const [, key, value] = /^\t([A-Z][A-Za-z ()]*):\s*(.*)$/.exec(line) ?? [];
    if (key === undefined || key === 'Snapshot(s)') break;
    fields.set(key, value ?? '');
  }
  const field = (key: string): string => {
    const value = fields.get(key);
    if (value === undefined) throw unexpected(key);
    return value;
  };
  const uuid = (key: string) => (field(key) === '-' ? null : field(key));
  const created = new Date(field('Creation time').replace(/^(\S+) (\S+) (\S+)$/, '$1T$2$3'));
  return {
    id: Number(field('Subvolume ID')),
    uuid: field('UUID'),
    parentUuid: uuid('Parent UUID'),
    receivedUuid: uuid('Received UUID'),
    created: Number.isNaN(created.getTime()) ? null : created,
    generation: BigInt(field('Generation')),
    creationGeneration: BigInt(field('Gen at creation')),
    topLevel: Number(field('Top level ID')),
    readOnly: field('Flags')
      .split(/[ ,|]+/)
      .includes('readonly'),
    sendTransid: BigInt(field('Send transid')),
    receiveTransid: BigInt(field('Receive transid')),
  };
}

function unexpected(what: string): Failure {
  return new Failure('btrfs-progs', `btrfs subvolume show did not print ${what}`, {
    hint: 'report the version that btrfs --version prints',
  });
}
