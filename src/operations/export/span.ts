import { incomingDirectory, STREAMS } from '../../archive/layout.ts';
import { usableHeader } from '../../archive/read/header.ts';
import type { Begun, Media, OpenMedium, Span } from '../../archive/write/spanning.ts';
import { mountOf } from '../../btrfs/mounts.ts';
import { Failure } from '../../failure/failure.ts';
import { mebibytes } from '../../names/size.ts';
import { kindOf, writableStoreAt } from '../../store/location.ts';
import type { Store, WritableStore } from '../../store/store.ts';
import { mediumOf } from '../archives/medium.ts';
import type { Context } from '../operation.ts';
import { nextLabelOf } from './labels.ts';
import type { ExportOptions } from './options.ts';
import { type FoundSegment, segmentsIn } from './segments.ts';
import { type OpenTarget, openTargets, type Request, type Target } from './targets.ts';

/** A medium of a spanned export, with the segments that it holds. */
interface SpannedMedium extends OpenMedium {
  readonly device: string | undefined;
  readonly segments: readonly FoundSegment[];
  readonly release: () => Promise<void>;
}

/**
 * Refuses places that a stream cannot be spread over.
 *
 * @throws {Failure} `usage`
 */
export async function assertSpannable({ to }: Pick<ExportOptions, 'to'>): Promise<void> {
  const devices = new Map<string, string>();
  for (const location of to) {
    if (kindOf(location) !== 'directory') {
      throw new Failure('usage', `--span takes directories on drives, and no ${kindOf(location)}`, {
        hint: 'export to it without --span',
        where: { archive: location },
      });
    }
    const device = (await mediumOf(location)).place.mount?.device;
    const other = device === undefined ? undefined : devices.get(device);
    if (other !== undefined) {
      throw new Failure('usage', `${other} and ${location} lie on one filesystem`, {
        hint: 'name a directory on each medium',
        where: { archive: location },
      });
    }
    if (device !== undefined) devices.set(device, location);
  }
}

/** Returns a function that gives the labels of new media, in turn. */
export async function labelsFor(
  stores: readonly Store[],
  { label }: Pick<ExportOptions, 'label'>,
): Promise<() => string | undefined> {
  const labels: (string | null)[] = [];
  for (const store of stores) labels.push((await usableHeader(store)).header?.label ?? null);
  return () => {
    const next = nextLabelOf(label, labels);
    if (next !== undefined) labels.push(next);
    return next;
  };
}

/** A stream that an interrupted run began. */
export interface BegunStream {
  readonly directory: string;
  readonly begun: Begun;
}

/** The last segment of each stream that some medium has the beginning of, and none the end. */
export function begunStreams(
  media: readonly { named: Begun['medium']; segments: readonly FoundSegment[] }[],
  finished: ReadonlySet<string>,
): BegunStream[] {
  const last = new Map<string, BegunStream>();
  for (const { named, segments } of media) {
    for (const { directory, segment } of segments) {
      const { uuid, ctransid } = segment.identity;
      const other = last.get(directory)?.begun.segment.span.number ?? 0;
      if (finished.has(`${uuid} ${ctransid}`) || segment.span.number <= other) continue;
      last.set(directory, { directory, begun: { segment, medium: named } });
    }
  }
  return [...last.values()];
}

/** Examines a target as a medium of a spanned export. */
export async function mediumIn(
  target: Target,
): Promise<Pick<SpannedMedium, 'named' | 'segments' | 'store'>> {
  const { store } = target;
  const { header } = await usableHeader(store);
  const named = { id: header?.id ?? NO_ID, label: header?.label ?? null };
  return { store, named, segments: await segmentsIn(store) };
}

/** Stands for an archive that is not made yet, in a dry run. */
const NO_ID = '00000000-0000-0000-0000-000000000000';

/** The stream that a medium is asked for. */
export interface StreamOnMedia {
  /** Name of its directory. */
  readonly directory: string;
  readonly title: string;
  /** Bytes of the stream; undefined if it was not measured. */
  readonly size: number | undefined;
  /** Snapshots that follow it. */
  readonly more: number;
}

/** The media of a spanned export, which are filled in turn. */
export class SpanMedia {
  readonly #request: Request;
  readonly #context: Context;
  readonly #media: SpannedMedium[];
  #at = 0;

  private constructor(request: Request, context: Context, media: SpannedMedium[]) {
    this.#request = request;
    this.#context = context;
    this.#media = media;
  }

  static async open(
    targets: readonly OpenTarget[],
    request: Request,
    context: Context,
  ): Promise<SpanMedia> {
    const media: SpannedMedium[] = [];
    for (const target of targets) media.push(await openMedium(target));
    return new SpanMedia(request, context, media);
  }

  /** The media that are known so far. */
  get known(): readonly SpannedMedium[] {
    return this.#media;
  }

  /** Releases the locks of media. */
  async release(): Promise<void> {
    for (const { release } of this.#media) await release();
  }

  /** Spreads a stream over the media, after what was begun of it. */
  async spread(stream: StreamOnMedia, begun: Begun | undefined): Promise<Span> {
    const drafted = await this.#find(({ store }) => hasDraft(store, stream.directory));
    const free = await this.#find(async (medium) => !holds(medium, stream.directory));
    const chosen = drafted ?? free;
    const length = begun?.segment.stream.length ?? 0;
    if (chosen === undefined) await this.#advance(stream, length);
    else this.#at = chosen;
    const first = this.#media[this.#at] as SpannedMedium;
    const media: Media = {
      first,
      following: () => this.#following(),
      next: async (bytes) => {
        await this.#advance(stream, bytes);
        return this.#media[this.#at] as SpannedMedium;
      },
    };
    return { media, begun };
  }

  /** Finds a medium from the current one on. */
  async #find(matches: (medium: SpannedMedium) => Promise<boolean>): Promise<number | undefined> {
    for (let at = this.#at; at < this.#media.length; at++) {
      if (await matches(this.#media[at] as SpannedMedium)) return at;
    }
    return undefined;
  }

  #following(): ReturnType<Media['following']> {
    const next = this.#media[this.#at + 1];
    if (next !== undefined) return next.named;
    const label = this.#nextLabel();
    return label === undefined ? null : { id: null, label };
  }

  #nextLabel(): string | undefined {
    const labels = this.#media.map(({ named }) => named.label);
    return nextLabelOf(this.#request.options.label, labels);
  }

  /** Makes the next medium the current one; asks for it if none was given. */
  async #advance(stream: StreamOnMedia, bytes: number): Promise<void> {
    const full = this.#media[this.#at] as SpannedMedium;
    let at = this.#at + 1;
    while (at < this.#media.length && holds(this.#media[at] as SpannedMedium, stream.directory))
      at++;
    if (at >= this.#media.length) await this.#askFor(full, stream, bytes);
    this.#at = Math.min(at, this.#media.length - 1);
    const next = (this.#media[this.#at] as SpannedMedium).store.location;
    const { store, named } = full;
    const { location: archive } = store;
    this.#context.emit({ type: 'medium-full', archive, label: named.label, next });
  }

  async #askFor(full: SpannedMedium, stream: StreamOnMedia, bytes: number): Promise<void> {
    const { ask } = this.#context;
    const what = missingText(full, stream, bytes);
    const noSpace = new Failure('no-space', what, {
      hint: 'give the same command again with one more --to: what was written stays and is used',
      where: { archive: full.store.location },
    });
    if (ask === undefined) throw noSpace;
    // Nothing holds the full medium now, so it can be taken out.
    await this.release();
    const label = this.#nextLabel();
    const called = label === undefined ? '' : `; a new one will be ${label}`;
    let why = `${what}\nconnect the next medium${called}`;
    for (;;) {
      const answer = await ask(`${why}\ndirectory of the next medium: `);
      if (answer === undefined) throw noSpace;
      try {
        this.#media.push(await this.#open(answer.trim(), label));
        return;
      } catch (error) {
        if (!(error instanceof Failure) || error.code === 'interrupted') throw error;
        why = `${error.message}${error.hint === undefined ? '' : ` (${error.hint})`}`;
      }
    }
  }

  /** @throws {Failure} if the place is unfit, or is a medium that is full */
  async #open(location: string, label: string | undefined): Promise<SpannedMedium> {
    const { options } = this.#request;
    await assertSpannable({ to: [location] });
    const { mode, storageClass } = options;
    const store = writableStoreAt(location, { mode, storageClass, signal: this.#context.signal });
    await this.#assertOther(store);
    const request = { ...this.#request, stores: [store], label: () => label };
    const { targets, release } = await openTargets(request);
    try {
      const medium = await openMedium(targets[0] as OpenTarget);
      const known = this.#media.find(({ named }) => named.id === medium.named.id);
      if (known !== undefined) throw alreadyFull(location);
      return medium;
    } catch (error) {
      await release();
      throw error;
    }
  }

  /** Refuses another directory on a medium that is full, unless another medium is mounted there now. */
  async #assertOther({ location }: Store): Promise<void> {
    const device = (await mediumOf(location)).place.mount?.device;
    for (const { store, device: other, named } of this.#media) {
      if (device === undefined || other !== device) continue;
      const header = await usableHeader(
        writableStoreAt(store.location, { signal: this.#context.signal }),
      ).catch(() => undefined);
      if (header?.header?.id === named.id) throw alreadyFull(location);
    }
  }
}

async function openMedium(target: OpenTarget): Promise<SpannedMedium> {
  const { store, lost, release } = target;
  const device = await mountOf(store.location).then(
    (mount) => mount.device,
    () => undefined,
  );
  const maxFileSize = await store.maxFileSize();
  return { ...(await mediumIn(target)), store, lost, release, device, maxFileSize };
}

function holds({ segments }: SpannedMedium, directory: string): boolean {
  return segments.some((each) => each.directory === directory);
}

async function hasDraft(store: WritableStore, directory: string): Promise<boolean> {
  const names = (await store.list(STREAMS)).map(({ name }) => `${STREAMS}/${name}`);
  return names.includes(incomingDirectory(directory));
}

function missingText(
  { store, named }: SpannedMedium,
  { title, size, more }: StreamOnMedia,
  bytes: number,
): string {
  const name = named.label === null ? store.location : `${named.label} (${store.location})`;
  const rest = size === undefined ? 'a part' : mebibytes(Math.max(0, size - bytes));
  const others = more === 0 ? '' : `, and ${more} more ${more === 1 ? 'snapshot' : 'snapshots'}`;
  return `${name} is full, and ${rest} of ${title}${others} is missing`;
}

function alreadyFull(location: string): Failure {
  return new Failure('archive-unfit', `${location} is on a medium that this export has filled`, {
    hint: 'name a directory on another one',
    where: { path: location },
  });
}
