import type { Entry } from './store.ts';

/** The facts about a file that a listing needs. */
interface Listed {
  readonly kind: Entry['kind'];
  /** Bytes. */
  readonly length: number;
}

/**
 * Lists a directory of a store that keeps paths only: directories need no entry of their own.
 *
 * @param files by path, without slashes at the end
 */
export function entriesIn(files: ReadonlyMap<string, Listed>, directory: string): Entry[] {
  const prefix = directory === '' ? '' : `${directory}/`;
  const entries = new Map<string, Entry>();
  for (const [path, { kind, length }] of files) {
    if (!path.startsWith(prefix) || path === directory) continue;
    const [name = '', ...below] = path.slice(prefix.length).split('/');
    if (below.length > 0) entries.set(name, { name, kind: 'directory', length: 0 });
    else if (entries.get(name)?.kind !== 'directory') {
      entries.set(name, { name, kind, length: kind === 'file' ? length : 0 });
    }
  }
  return [...entries.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}
