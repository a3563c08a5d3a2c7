import { createHash, randomFillSync } from 'node:crypto';
import { type Dirent, existsSync, readdirSync } from 'node:fs';
import { copyFile, mkdir, open, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** The contents of the sources: programs of this machine, generated text, and random bytes. */

const MiB = 2 ** 20;

/** Shares of a mixture. */
const PROGRAMS = 0.6;
const TEXT = 0.2;

/** Fills a directory with about `size` bytes of all three kinds, in many files. */
export async function writeMixture(at: string, size: number, signal: AbortSignal): Promise<void> {
  await copyPrograms(join(at, 'programs'), size * PROGRAMS, signal);
  await writeFiles(join(at, 'text'), size * TEXT, textSource(), signal);
  await writeFiles(join(at, 'random'), size * (1 - PROGRAMS - TEXT), randomFillSync, signal);
}

/** One file of exactly `size` bytes, by turns text and random bytes. */
export async function writeLarge(file: string, size: number, signal: AbortSignal): Promise<void> {
  const text = textSource();
  const handle = await open(file, 'w');
  try {
    for (let at = 0, turn = 0; at < size; at += 4 * MiB, turn++) {
      signal.throwIfAborted();
      const piece = Buffer.alloc(Math.min(4 * MiB, size - at));
      await handle.writeFile(turn % 2 === 0 ? text(piece) : randomFillSync(piece));
    }
  } finally {
    await handle.close();
  }
}

const PROGRAM_DIRECTORIES = ['/usr/lib', '/usr/bin'];

/**
 * Copies files of this machine until there are `size` bytes, and all of them again where they are
 * too few. Directories come in an order that looks random and is always the same, so that there
 * is something of everything.
 */
async function copyPrograms(to: string, size: number, signal: AbortSignal): Promise<void> {
  const directories = PROGRAM_DIRECTORIES.filter(existsSync)
    .flatMap(filesByDirectory)
    .sort((a, b) => (a.rank < b.rank ? -1 : 1));
  if (directories.length === 0) throw new Error(`nothing in ${PROGRAM_DIRECTORIES.join(' or ')}`);
  for (let round = 1, left = size; left > 0; round++) {
    for (const { directory, files } of directories) {
      if (left <= 0) break;
      const copy = join(to, String(round), directory);
      await mkdir(copy, { recursive: true });
      for (const file of files) {
        signal.throwIfAborted();
        const { size: length } = await stat(file);
        if (length > left + MiB) continue;
        await copyFile(file, join(copy, basename(file)));
        left -= length;
        if (left <= 0) break;
      }
    }
  }
}

function filesByDirectory(top: string): { directory: string; files: string[]; rank: string }[] {
  const files = readdirSync(top, { recursive: true, withFileTypes: true })
    .filter((entry: Dirent) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const groups = new Map<string, string[]>();
  for (const file of files) {
    const group = groups.get(dirname(file));
    if (group === undefined) groups.set(dirname(file), [file]);
    else group.push(file);
  }
  return [...groups].map(([directory, group]) => ({
    directory,
    files: group,
    rank: createHash('sha256').update(directory).digest('hex'),
  }));
}

/** Fills a buffer with the next bytes of some kind, and gives it back. */
type Source = (piece: Buffer) => Buffer;

/** Files from 1 KiB to 8 MiB, the small ones as frequent as the large, `size` bytes in all. */
async function writeFiles(
  to: string,
  size: number,
  source: Source,
  signal: AbortSignal,
): Promise<void> {
  await mkdir(to, { recursive: true });
  const next = randomNumbers();
  for (let left = Math.floor(size), at = 1; left > 0; at++) {
    signal.throwIfAborted();
    const piece = Buffer.alloc(Math.min(left, Math.floor(1024 * 2 ** (13 * next()))));
    const handle = await open(join(to, String(at)), 'w');
    await handle.writeFile(source(piece));
    await handle.close();
    left -= piece.length;
  }
}

/** Bytes of text made once, of which each piece takes the next ones, around and around. */
const TEXT_LENGTH = 32 * MiB;

/** Text of made-up words, the first of which are by far the most frequent, in lines. */
function textSource(): Source {
  const next = randomNumbers();
  const words = Array.from({ length: 20_000 }, () => word(next));
  const text = Buffer.alloc(TEXT_LENGTH);
  for (let at = 0, column = 0; at < TEXT_LENGTH; ) {
    const chosen = words[Math.floor(words.length ** next())] as string;
    const end = column > 70 ? '\n' : ' ';
    at += text.write(chosen + end, at, 'latin1');
    column = end === '\n' ? 0 : column + chosen.length + 1;
  }
  let from = 0;
  return (piece) => {
    for (let at = 0; at < piece.length; ) {
      const copied = text.copy(piece, at, from);
      at += copied;
      from = (from + copied) % TEXT_LENGTH;
    }
    return piece;
  };
}

function word(next: () => number): string {
  const letters = Array.from({ length: 2 + Math.floor(9 * next()) }, () =>
    Math.floor(26 * next() ** 1.5 + 10).toString(36),
  );
  return letters.join('');
}

/** Numbers from 0 up to 1 that look random and are the same every time (xorshift). */
function randomNumbers(): () => number {
  let state = 0x2545f491;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
