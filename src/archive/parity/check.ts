import { createHash } from 'node:crypto';
import { Failure } from '../../failure/failure.ts';
import { manifestDocument } from '../../manifest/document.ts';
import { readWhole } from '../../store/store.ts';
import { MANIFEST_FILE } from '../layout.ts';
import { placeIn } from '../read/source.ts';
import type { StoredStream } from '../read/stored-stream.ts';
import { OWN_PARITY } from './plan.ts';
import { readParity } from './read.ts';

/** The state of the parity of a stream. */
export interface ParityState {
  /** Each part and the manifest can be repaired, as far as the recovery blocks go. */
  readonly isProtected: boolean;
  /** Intact recovery blocks of all sets. */
  readonly blocks: number;
  /** Faults of the files of parity. */
  readonly failures: readonly Failure[];
}

/**
 * Reads the parity of a stream, and compares it with the manifest: the set of each part must know
 * this manifest, which knows the bytes of the parts.
 */
export async function checkParity(
  { source, manifest }: StoredStream,
  signal: AbortSignal,
): Promise<ParityState> {
  const { sets, files, failures } = await readParity(source, signal);
  if (files.length === 0) return { isProtected: false, blocks: 0, failures };
  const bytes = await readWhole(source.read(MANIFEST_FILE), manifestDocument.limit);
  const md5 = createHash('md5')
    .update(bytes ?? new Uint8Array(0))
    .digest('hex');
  const covered = new Set<string>();
  let blocks = 0;
  for (const set of sets) {
    blocks += set.blocks.size;
    const own = set.files.find(({ name }) => name === MANIFEST_FILE);
    if (own?.md5 !== md5 || set.blocks.size === 0) continue;
    for (const { name, length } of set.files) covered.add(`${name} ${length}`);
  }
  const open = manifest.parts.find(({ file, length }) => !covered.has(`${file} ${length}`));
  if (open === undefined) return { isProtected: true, blocks, failures };
  const isOwn = files.some((file) => OWN_PARITY.test(file));
  if (!isOwn || failures.length > 0) return { isProtected: false, blocks, failures };
  const place = placeIn(source, open.file);
  const other = new Failure('parity-damaged', `the parity beside ${place.file} is not of it`, {
    hint: 'make it anew: btrferry protect',
    where: place,
  });
  return { isProtected: false, blocks, failures: [other] };
}
