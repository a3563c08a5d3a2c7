import type { Bucket, ObjectFacts } from './bucket.ts';

/**
 * The name of the object that marks a stage: an empty one, whose path names the file that ends the
 * stage. Until that file exists, the files of the stage's directory do not count.
 */
const MARK = '/publishes/';

/** The mark of a stage. */
export function markOf(draft: string, directory: string, last: string): string {
  return `${draft}${MARK}${directory}/${last}`;
}

/** The stages that a mark under `draft` names, by directory. */
function marksIn(paths: Iterable<string>): { draft: string; directory: string; last: string }[] {
  return [...paths].flatMap((path) => {
    const at = path.indexOf(MARK);
    if (at < 0) return [];
    const last = path.slice(at + MARK.length);
    return [{ draft: path.slice(0, at), directory: last.replace(/\/[^/]*$/, ''), last }];
  });
}

/** The listing of an archive. It is asked for once, and kept up to date by its writer. */
export class Objects {
  readonly #bucket: Bucket;
  #listing: Promise<Map<string, ObjectFacts>> | undefined;

  constructor(bucket: Bucket) {
    this.#bucket = bucket;
  }

  /** Forgets the listing, because others may have written. */
  forget(): void {
    this.#listing = undefined;
  }

  /** All objects of the archive, by path. */
  all(): Promise<Map<string, ObjectFacts>> {
    this.#listing ??= this.#bucket.list('');
    return this.#listing;
  }

  /** The objects that count: not those of a stage that is being published. */
  async published(): Promise<Map<string, ObjectFacts>> {
    const all = await this.all();
    const hidden = marksIn(all.keys())
      .filter(({ last }) => !all.has(last))
      .map(({ directory }) => `${directory}/`);
    if (hidden.length === 0) return all;
    return new Map([...all].filter(([path]) => !hidden.some((prefix) => path.startsWith(prefix))));
  }

  /** The stages that marks under `draft` name: their directories and last files. */
  async stagesOf(draft: string): Promise<{ directory: string; last: string }[]> {
    const marks = marksIn((await this.all()).keys());
    return marks.filter((mark) => mark.draft === draft);
  }

  async written(path: string, facts: ObjectFacts): Promise<void> {
    (await this.all()).set(path, facts);
  }

  /** Removes an object. */
  async remove(path: string): Promise<void> {
    await this.#bucket.remove(path);
    (await this.all()).delete(path);
  }

  /** Removes an object, or all under a directory. */
  async removeAll(path: string): Promise<void> {
    for (const object of [...(await this.all()).keys()]) {
      if (object === path || object.startsWith(`${path}/`)) await this.remove(object);
    }
  }
}
