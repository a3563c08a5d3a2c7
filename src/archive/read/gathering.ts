import { Failure } from '../../failure/failure.ts';
import { SPANNED } from '../../manifest/format.ts';
import type { ManifestPart } from '../../manifest/schema.ts';
import { PART_LIKE } from '../layout.ts';
import type { Catalog, Fragment } from './catalog.ts';
import type { StreamSource } from './source.ts';
import type { StoredStream } from './stored-stream.ts';

/**
 * Streams whose parts lie in several archives: an export spread them, or someone moved them. The
 * directory of a stream has the same name in each archive.
 */

/** A directory in which other archives may find parts of their streams. */
interface Offer {
  readonly source: StreamSource;
  /** The parts that its document lists; undefined if it has none. */
  readonly listed: readonly ManifestPart[] | undefined;
  readonly fragment: Fragment | undefined;
}

/** The name and length of each file of a directory. */
type Files = ReadonlyMap<string, number>;

/**
 * Lets each stream of several archives read the parts that its own archive lacks from another one.
 * Directories without a manifest are no damage any more if streams read all parts in them.
 */
export async function gathered(catalogs: readonly Catalog[]): Promise<Catalog[]> {
  const offers = offersIn(catalogs);
  if (offers.size === 0) return [...catalogs];
  const used = new Map<Fragment, Set<string>>();
  const all: Catalog[] = [];
  for (const catalog of catalogs) {
    const streams: StoredStream[] = [];
    for (const stream of catalog.streams) {
      const others = offers.get(stream.source.directory) ?? [];
      streams.push(await completed(stream, others, used));
    }
    all.push({ ...catalog, streams });
  }
  const complete = new Set<Fragment>();
  for (const [fragment, files] of used) {
    const parts = [...(await filesIn(fragment.source)).keys()].filter((name) =>
      PART_LIKE.test(name),
    );
    if (parts.every((name) => files.has(name))) complete.add(fragment);
  }
  return all.map((catalog) => ({
    ...catalog,
    damaged: catalog.damaged.filter(({ fragment }) => !fragment || !complete.has(fragment)),
  }));
}

/** The directories that may hold parts of streams of other archives, by their names. */
function offersIn(catalogs: readonly Catalog[]): Map<string, Offer[]> {
  const offers = new Map<string, Offer[]>();
  const add = (offer: Offer) => {
    const { directory, position } = offer.source;
    if (position !== undefined) return;
    offers.set(directory, [...(offers.get(directory) ?? []), offer]);
  };
  if (catalogs.length < 2) return offers;
  for (const { streams, damaged } of catalogs) {
    for (const { fragment } of damaged) {
      if (fragment === undefined) continue;
      const { source, segment } = fragment;
      add({ source, listed: segment?.parts, fragment });
    }
    for (const { source, manifest } of streams) {
      if (!manifest.features.includes(SPANNED)) continue;
      add({ source, listed: manifest.parts, fragment: undefined });
    }
  }
  return offers;
}

/** The stream, with the way to those of its parts that only other directories have. */
async function completed(
  stream: StoredStream,
  offers: readonly Offer[],
  used: Map<Fragment, Set<string>>,
): Promise<StoredStream> {
  const { source, manifest } = stream;
  const others = offers.filter((offer) => offer.source !== source);
  if (others.length === 0 || source.position !== undefined) return stream;
  for (const { fragment } of others) {
    if (fragment !== undefined && !used.has(fragment)) used.set(fragment, new Set());
  }
  const own = await filesIn(source);
  const missing = manifest.parts.filter(({ file }) => !own.has(file));
  const elsewhere = new Map<string, StreamSource>();
  for (const offer of others) {
    const files = await filesIn(offer.source);
    for (const part of missing) {
      if (elsewhere.has(part.file) || !offersPart(offer, files, part)) continue;
      elsewhere.set(part.file, offer.source);
      if (offer.fragment !== undefined) used.get(offer.fragment)?.add(part.file);
    }
  }
  return elsewhere.size === 0 ? stream : { ...stream, source: sourceOver(source, elsewhere) };
}

/** Its length, and a document beside it, tell which stream a part is of; its SHA-256 proves it. */
function offersPart(
  { listed }: Offer,
  files: Files,
  { file, length, sha256 }: ManifestPart,
): boolean {
  const entry = listed?.find((each) => each.file === file);
  return files.get(file) === length && (entry === undefined || entry.sha256 === sha256);
}

/** A medium that was taken out has no files. */
async function filesIn(source: StreamSource): Promise<Files> {
  const entries = await source.list().catch((error) => {
    if (error instanceof Failure && error.code !== 'interrupted') return [];
    throw error;
  });
  return new Map(
    entries.filter(({ kind }) => kind === 'file').map((one) => [one.name, one.length]),
  );
}

/** Reads some files of a stream from other directories. */
function sourceOver(own: StreamSource, elsewhere: ReadonlyMap<string, StreamSource>): StreamSource {
  const holder = (file: string) => elsewhere.get(file) ?? own;
  return {
    ...own,
    archiveOf: (file) => holder(file).archiveOf(file),
    async list() {
      const entries = await own.list();
      const names = new Set(entries.map(({ name }) => name));
      for (const source of new Set(elsewhere.values())) {
        const theirs = await source.list();
        const taken = theirs.filter(({ name }) => elsewhere.get(name) === source);
        entries.push(...taken.filter(({ name }) => !names.has(name)));
      }
      return entries;
    },
    read: (file, range) => holder(file).read(file, range),
    open: (file) => holder(file).open(file),
    isEqual: (file, contents) => holder(file).isEqual(file, contents),
  };
}
