import { link, open, unlink } from 'node:fs/promises';
import { Failure } from '../../failure/failure.ts';
import { isSystemError, systemFailure } from '../../failure/system.ts';
import { joinPath } from '../../names/path.ts';
import { printable } from '../../names/printable.ts';
import { UNFINISHED_FILE } from '../import/temporary.ts';

/**
 * Writes a report whole or not at all. Replaces nothing.
 *
 * @param temporary a temporary name, under which the next import removes what an interrupted one left
 * @throws {Failure} `destination-unfit` if the name is taken; `no-space`, `storage-failed`
 */
export async function writeReport(
  into: string,
  temporary: string,
  name: Buffer,
  lines: Iterable<string>,
): Promise<void> {
  const unfinished = `${into}/${temporary}${UNFINISHED_FILE}`;
  const final = joinPath(into, name);
  try {
    const file = await open(unfinished, 'wx', 0o600);
    try {
      for (const piece of pieces(lines)) await file.writeFile(piece);
      await file.sync();
    } finally {
      await file.close();
    }
    await link(unfinished, final);
  } catch (cause) {
    if (!isSystemError(cause)) throw cause;
    const path = printable(final);
    if (cause.code !== 'EEXIST') {
      throw systemFailure(cause, { code: 'storage-failed', doing: 'cannot write', path });
    }
    throw new Failure('destination-unfit', `${path} exists already`, {
      hint: 'move it away, then give the same command again',
      where: { path },
    });
  } finally {
    await unlink(unfinished).catch(() => {});
  }
}

/** Removes a report of what did not get its name. */
export async function removeReport(path: Buffer): Promise<void> {
  await unlink(path).catch(() => {});
}

/** Joins lines to pieces of about 64 KiB. */
function* pieces(lines: Iterable<string>): Generator<string> {
  let piece = '';
  for (const line of lines) {
    piece += `${line}\n`;
    if (piece.length < 65_536) continue;
    yield piece;
    piece = '';
  }
  yield piece;
}
