import { readCatalog } from '../../archive/read/catalog.ts';
import { isArchive } from '../../archive/read/header.ts';
import { placeOf } from '../../btrfs/mounts.ts';
import type { Checked } from '../../events/doctor.ts';
import { Failure } from '../../failure/failure.ts';
import { mebibytes } from '../../names/size.ts';
import { kindOf, storeAt } from '../../store/location.ts';
import { isWritable, type Store } from '../../store/store.ts';
import { mediumOf, unfit } from '../archives/medium.ts';
import type { Context } from '../operation.ts';

/** Checks the place of an archive, which need not exist yet. */
export async function* locationChecks(location: string, context: Context): AsyncGenerator<Checked> {
  if (kindOf(location) === 'pipe') {
    throw new Failure('usage', 'doctor cannot check a pipe', { hint: 'name a place that stays' });
  }
  const store = storeAt(location, context);
  if (kindOf(location) === 'directory') yield await checkedMedium(location);
  for await (const ability of store.abilities?.() ?? []) yield { type: 'checked', ...ability };
  if (isWritable(store)) {
    const free = await store.freeSpace().catch(() => undefined);
    if (free !== undefined) yield checked('space', 'good', `${mebibytes(free)} free`);
  }
  yield await checkedArchive(store);
}

function checked(what: string, state: Checked['state'], found: string, hint?: string): Checked {
  return { type: 'checked', what, state, found, ...(hint === undefined ? {} : { hint }) };
}

async function checkedMedium(location: string): Promise<Checked> {
  const { mount } = await placeOf(location);
  const failure = unfit(await mediumOf(location), [], false);
  if (failure !== undefined) {
    return checked('place', 'missing', failure.message, failure.hint);
  }
  return checked('place', 'good', `on ${mount?.fsType ?? 'an unknown filesystem'}, writable`);
}

async function checkedArchive(store: Store): Promise<Checked> {
  const what = 'archive';
  try {
    if (!(await isArchive(store))) return checked(what, 'good', 'none yet; export makes one');
    const { streams, unfinished, damaged } = await readCatalog(store);
    const found = `${streams.length} streams`;
    if (damaged.length > 0) {
      const hint = `look at them: btrferry verify ${store.location}`;
      return checked(what, 'limited', `${found}, ${damaged.length} damaged`, hint);
    }
    if (unfinished.length === 0) return checked(what, 'good', found);
    const hint = 'the same export again finishes them';
    return checked(what, 'limited', `${found}, ${unfinished.length} unfinished`, hint);
  } catch (error) {
    if (!(error instanceof Failure) || error.code === 'interrupted') throw error;
    return checked(what, 'missing', error.message, error.hint);
  }
}
