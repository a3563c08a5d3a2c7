/** The sets of parity of a stream: which files each covers, and how. */

/** Bytes of the parts of one set, so that the work on it stays bounded. A larger part has its own. */
const SET_SIZE = 4 * 1024 ** 3;

/**
 * Slices of a set, about. Twice as many would cost twice the time, and survive twice as many places.
 */
const SLICES = 1000;

/** The size of a slice is a multiple of this, because a drive loses whole sectors. */
const SECTOR = 4096;

/** Blocks that even the smallest set has. */
const LEAST_BLOCKS = 2;

export interface SetPlan {
  /** `parity-0001`: the start of the names of its files. */
  readonly name: string;
  readonly files: readonly { readonly file: string; readonly length: number }[];
  readonly sliceSize: number;
  /** Number of recovery blocks. */
  readonly blocks: number;
}

/** A file of parity that btrferry makes. Its group is the number of blocks in it. */
export const OWN_PARITY = /^parity-[0-9]{4}(?:\.vol[0-9]+\+([0-9]+))?\.par2$/;

/**
 * Plans the sets of a stream. Each covers parts in a row, and the manifest, because a set must be
 * known to be of this stream.
 *
 * @param percent recovery blocks for 100 slices
 */
export function planSets(
  parts: readonly { readonly file: string; readonly length: number }[],
  manifest: { readonly file: string; readonly length: number },
  percent: number,
): SetPlan[] {
  const groups: { file: string; length: number }[][] = [];
  let length = Number.POSITIVE_INFINITY;
  for (const part of parts) {
    length += part.length;
    if (length > SET_SIZE) {
      groups.push([]);
      length = part.length;
    }
    groups.at(-1)?.push(part);
  }
  return groups.map((group, at) => {
    const files = [...group, manifest];
    const bytes = files.reduce((sum, file) => sum + file.length, 0);
    const sliceSize = Math.max(1, Math.ceil(bytes / SLICES / SECTOR)) * SECTOR;
    const slices = files.reduce((sum, file) => sum + Math.ceil(file.length / sliceSize), 0);
    const blocks = Math.max(LEAST_BLOCKS, Math.ceil((slices * percent) / 100));
    return { name: `parity-${String(at + 1).padStart(4, '0')}`, files, sliceSize, blocks };
  });
}

/**
 * Divides the recovery blocks of a set among volumes.
 *
 * @param room bytes for recovery packets in one file
 * @returns for each volume its name, its first block and their number
 */
export function volumesOf(
  { name, blocks }: Pick<SetPlan, 'name' | 'blocks'>,
  packet: number,
  room: number,
): { file: string; first: number; count: number }[] {
  const most = Math.max(1, Math.min(blocks, Math.floor(room / packet)));
  const volumes = [];
  for (let first = 0; first < blocks; first += most) {
    const count = Math.min(most, blocks - first);
    const [from, of] = [first, count].map((each) => String(each).padStart(3, '0'));
    volumes.push({ file: `${name}.vol${from}+${of}.par2`, first, count });
  }
  return volumes;
}
