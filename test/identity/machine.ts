import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Btrfs, withBtrfs, withDirectory } from '../filesystem.ts';
import { btrferry, eventsIn, type JsonEvent, warningsOf } from '../program.ts';

/** A filesystem with `home`, and `old`, a read-only snapshot of it. */
export function source(): Btrfs {
  const fs = withBtrfs();
  fs.subvolume('home');
  mkdirSync(fs.at('home/dir'));
  writeFileSync(fs.at('home/dir/file'), 'x'.repeat(300_000));
  writeFileSync(fs.at('home/small'), 'old');
  fs.snapshot('home', 'old');
  return fs;
}

/** The next read-only snapshot of `home`, with a change. */
export function next(fs: Btrfs, name: string): string {
  appendFileSync(fs.at('home/small'), name);
  return fs.snapshot('home', name);
}

export const archive = () => path.join(withDirectory(), 'archive');

/** The codes of all failures that a run told of, and how it ended. */
export async function outcome(...args: string[]) {
  const ran = await btrferry(...args, '--json');
  const all = eventsIn(ran);
  const refused = (all.find(({ type }) => type === 'import-planned')?.refused ?? []) as {
    failure: { code: string };
  }[];
  const ended = all.at(-1)?.failure as { code: string } | undefined;
  return {
    exit: ran.exit,
    codes: [...refused.map(({ failure }) => failure.code), ...(ended ? [ended.code] : [])],
    warnings: warningsOf(ran),
    plan: all.find(({ type }) => /-planned$/.test(type)) as JsonEvent | undefined,
    all,
  };
}
