import type { Missing } from '../../archive/read/remnants.ts';
import type { StoredStream } from '../../archive/read/stored-stream.ts';
import { program } from '../../manifest/program.ts';
import { oneLine, printable } from '../../names/printable.ts';
import { streamText } from '../../names/title.ts';
import type { CommandName } from '../../sendstream/commands.ts';
import type { Lost } from '../../sendstream/resync.ts';
import type { Rescued } from '../../tree/rescue.ts';
import type { Damaged, LostRange } from '../../tree/rescued.ts';

/** The findings about a damaged stream. */
export interface Findings {
  readonly rescued: Rescued;
  /** Ranges whose commands are lost. They cover those that are missing. */
  readonly losses: readonly Lost[];
  /** Ranges that no archive has. */
  readonly missing: readonly Missing[];
}

/** Commands that make an entry. */
const MAKING = ['MKFILE', 'MKDIR', 'MKNOD', 'MKFIFO', 'MKSOCK', 'SYMLINK'] as const;

/** The numbers of commands that are lost, by their kind: the manifest counts all of the stream. */
function lostCommands({ manifest }: StoredStream, { commands }: Rescued): [string, number][] {
  return Object.entries(manifest.stream.commands).flatMap(([name, all]) => {
    const lost = all - (commands[name as CommandName] ?? 0);
    return lost > 0 ? [[name, lost] as [string, number]] : [];
  });
}

/** The most entries that can be missing without a trace. */
export function mostMissing(stream: StoredStream, { rescued }: Findings): number {
  const lost = new Map(lostCommands(stream, rescued));
  return MAKING.reduce((sum, name) => sum + (lost.get(name) ?? 0), 0);
}

/** The lines of the report beside a salvaged subvolume. */
export function* reportText(
  stream: StoredStream,
  as: Buffer,
  findings: Findings,
): Generator<string, void, undefined> {
  const { rescued, losses, missing } = findings;
  const { called, source, uuid } = stream;
  const { whole, damaged, unnamed } = rescued;
  yield `${printable(as)}: what is left of the snapshot ${streamText(called)}`;
  yield '';
  yield 'This subvolume is not the snapshot. It was received from a damaged stream. It lists here all that';
  yield 'is or may be lost. If no subvolume of this name lies beside this file, the salvage was interrupted.';
  yield '';
  yield `snapshot   ${uuid}`;
  yield `stream     ${oneLine(`${source.directory} in ${source.archive}`)}`;
  yield `salvaged   ${new Date().toISOString()} by btrferry ${program.version}`;
  yield '';
  yield `entries that are whole                       ${whole}`;
  yield `entries of which something is or may be lost ${damaged.length}`;
  yield `entries whose own name is lost               ${unnamed.length}`;
  yield `entries that may be missing altogether       ${mostMissing(stream, findings)} at most`;
  yield '';
  yield 'An entry that is not listed here is whole: contents, owner, mode, times and attributes. But a file';
  yield 'with several names may lack some of them, and the time of a directory may be another one.';
  yield 'In names, a backslash is doubled, and a byte that cannot be shown is \\xNN.';
  yield* section('DAMAGED ENTRIES', damagedLines(damaged));
  yield* section('ENTRIES WHOSE OWN NAME IS LOST', unnamed.map(printable));
  yield* section('LOST COMMANDS', commandLines(stream, rescued));
  yield* section('LOST BYTES OF THE STREAM: OFFSET, LENGTH', losses.map(lossLine));
  yield* section(
    'BYTES OF THE STREAM THAT NO ARCHIVE HAS: OFFSET, LENGTH, REASON',
    missing.map(missingLine),
  );
}

function* section(title: string, lines: Iterable<string>): Generator<string> {
  let isFirst = true;
  for (const line of lines) {
    if (isFirst) yield* ['', title, ''];
    isFirst = false;
    yield line;
  }
}

function* damagedLines(damaged: readonly Damaged[]): Generator<string> {
  if (damaged.length === 0) return;
  yield 'Of each file the ranges of its contents that are lost, in bytes: offset, length. All other bytes';
  yield 'are right. Owner, mode, times and extended attributes of each may be lost too, and names in a';
  yield 'directory.';
  yield '';
  for (const { path, kind, lost } of damaged) {
    yield `${path.length === 0 ? '.' : printable(path)}${kind === 'directory' ? '/' : ''}`;
    for (const range of lost) yield `    lost  ${rangeText(range)}`;
  }
}

function rangeText({ offset, length }: LostRange): string {
  return `${offset}  ${length ?? 'to its end'}`;
}

function* commandLines(stream: StoredStream, rescued: Rescued): Generator<string> {
  for (const [name, lost] of lostCommands(stream, rescued)) yield `${lost}  ${name}`;
  if (rescued.dropped > 0) yield `${rescued.dropped}  that are left, and need what is lost`;
}

function lossLine({ from, to }: Lost): string {
  return `${from}  ${to - from}`;
}

function missingLine({ from, to, failure }: Missing): string {
  const { file, offset } = failure.where;
  const place = offset === undefined ? '' : ` (byte ${offset} of ${file})`;
  return `${from}  ${to - from}  ${oneLine(failure.message + place)}`;
}
