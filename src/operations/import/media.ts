import type { Catalog } from '../../archive/read/catalog.ts';
import { continuesElsewhere, mediumText, partMissing } from '../../archive/read/damage.ts';
import { type StreamSource, sourceIn } from '../../archive/read/source.ts';
import type { StoredStream } from '../../archive/read/stored-stream.ts';
import { Failure } from '../../failure/failure.ts';
import type { ManifestPart } from '../../manifest/schema.ts';
import { streamText } from '../../names/title.ts';
import { kindOf, storeAt } from '../../store/location.ts';
import { type Archives, withArchive } from '../archives/open.ts';
import type { Context } from '../operation.ts';
import type { RefusedStream } from './plan.ts';

/** The media that streams were spread over, and that a person brings one after another. */

type Ask = NonNullable<Context['ask']>;

/**
 * Asks for the medium on which a stream continues, and adds what it holds to the archives. Returns
 * undefined if no refused stream continues on another medium, or if nobody answers.
 */
export async function withNextMedium(
  archives: Archives,
  refused: readonly RefusedStream[],
  context: Context,
): Promise<Archives | undefined> {
  const { ask } = context;
  const failures = new Set(refused.map(({ failure }) => failure));
  const found = archives.catalogs
    .flatMap(({ damaged }) => damaged)
    .find(({ failure, fragment }) => fragment?.segment !== undefined && failures.has(failure));
  if (ask === undefined || found === undefined) return undefined;
  const { directory, fragment } = found;
  const failure = fragment?.segment && continuesElsewhere(fragment.source, fragment.segment);
  return answered(ask, `${failure?.message}`, lastOf(archives), async (location) => {
    const more = await withArchive(archives, location, context);
    const brought = more.alone.at(-1)?.catalog;
    const places = [
      ...(brought?.streams ?? []).map(({ source }) => source.directory),
      ...(brought?.damaged ?? []).map((each) => each.directory),
    ];
    if (places.includes(directory)) return more;
    throw notThere(location, directory);
  });
}

/** A stream whose missing parts a person brings when they are read. */
export function withAskedMedia(
  stream: StoredStream,
  catalogs: readonly Catalog[],
  { ask, ...context }: Context,
): StoredStream {
  if (ask === undefined) return stream;
  const { source, manifest } = stream;
  const catalog = catalogs.find(({ streams }) => streams.some((one) => one.source === source));
  const own = { id: catalog?.header?.id ?? null, label: catalog?.header?.label ?? null };
  const sources = [source];
  const archives = new Map<string, string>();
  const located = new Map<string, Promise<StreamSource>>();
  const parts = new Map(manifest.parts.map((part) => [part.file, part]));
  const locate = async (file: string): Promise<StreamSource> => {
    const part = parts.get(file);
    if (part === undefined) return source;
    for (const each of sources) {
      if (!(await hasPart(each, part))) continue;
      if (each !== source) archives.set(file, each.archive);
      return each;
    }
    const medium = mediumText(typeof part.medium === 'object' ? part.medium : own);
    const what = `the next part of ${streamText(stream.called)}, ${file}, lies on ${medium}`;
    const last = (sources.at(-1) as StreamSource).archive;
    const found = await answered(ask, what, last, async (location) => {
      if (kindOf(location) === 'pipe') throw notThere(location, file);
      const other = sourceIn(storeAt(location, context), source.directory, null);
      if (await hasPart(other, part)) return other;
      throw notThere(location, `${source.directory}/${file}`);
    });
    if (found === undefined) throw partMissing(stream, part);
    archives.set(file, found.archive);
    sources.push(found);
    return found;
  };
  const holder = (file: string) => {
    const known = located.get(file) ?? locate(file);
    located.set(file, known);
    return known;
  };
  return {
    ...stream,
    source: {
      ...source,
      archiveOf: (file) => archives.get(file) ?? source.archiveOf(file),
      async *read(file, range) {
        yield* (await holder(file)).read(file, range);
      },
      open: async (file) => (await holder(file)).open(file),
    },
  };
}

/** Looks for the last byte of a part. A medium that was taken out has none. */
async function hasPart(source: StreamSource, { file, length }: ManifestPart): Promise<boolean> {
  try {
    for await (const _ of source.read(file, { start: length - 1, end: length }));
    return true;
  } catch (error) {
    if (error instanceof Failure && error.code !== 'interrupted') return false;
    throw error;
  }
}

/**
 * Asks for a directory until it is of use.
 *
 * @param last the directory that an empty answer means
 * @returns undefined if nobody answers
 */
async function answered<T>(
  ask: Ask,
  what: string,
  last: string,
  use: (location: string) => Promise<T>,
): Promise<T | undefined> {
  let why = `${what}\nconnect it`;
  for (;;) {
    const answer = await ask(`${why}\nits archive [${last}]: `);
    if (answer === undefined) return undefined;
    try {
      return await use(answer.trim() || last);
    } catch (error) {
      if (!(error instanceof Failure) || error.code === 'interrupted') throw error;
      why = `${error.message}${error.hint === undefined ? '' : ` (${error.hint})`}`;
    }
  }
}

function lastOf({ catalogs }: Archives): string {
  return catalogs.at(-1)?.store.location ?? '';
}

function notThere(location: string, file: string): Failure {
  return new Failure('medium-missing', `${location} has no ${file}`, {
    where: { archive: location, file },
  });
}
