import { FRAME_SIZE, MAX_STORED_SIZE } from '../../zstd/frame.ts';

/**
 * A journal lists the frames that an export has written, so that the next one does not write them
 * again. It lies beside the parts. Its lines are text: the first names the export, and each other
 * one a frame.
 */
export const JOURNAL_FILE = 'journal';

/**
 * The settings that must be equal for frames of an earlier run to be used. JSON with members in a
 * fixed order.
 */
export interface DraftSettings {
  readonly uuid: string;
  readonly ctransid: string;
  readonly parent: string | null;
  readonly cloneSources: readonly string[];
  readonly protocol: number;
  readonly compressedData: boolean;
  readonly level: number;
  readonly maxPartSize: number;
  /** The beginning of the stream on other media: its number of parts, and the hash of its frames. */
  readonly after?: string;
}

/** A frame that was written to a part. Its checksum shows whether it is still there undamaged. */
export interface WrittenFrame {
  /** Index of the part, from 0. */
  readonly part: number;
  /** Bytes as stored. */
  readonly size: number;
  /** Bytes of stream. */
  readonly length: number;
}

const FORMAT = 'btrferry/journal 1';

/** Bytes of the longest line of a journal. The first names each clone source. */
const LINE_LIMIT = 1024 * 1024;

export function journalStart(settings: DraftSettings): string {
  return `${FORMAT} ${JSON.stringify(settings)}\n`;
}

export function journalLine({ part, size, length }: WrittenFrame): string {
  return `${part} ${size} ${length}\n`;
}

/** The use of a journal to an export. */
export interface JournalWorth {
  /** Frames that can be used again. */
  readonly frames: number;
  /** Why its frames cannot be used, in words; undefined if they can, or if there are none. */
  readonly useless: string | undefined;
}

/** Reads a journal of `length` bytes for an export with these settings. */
export async function weighJournal(
  journal: AsyncIterable<Uint8Array>,
  length: number,
  settings: DraftSettings,
): Promise<JournalWorth> {
  if (length === 0) return { frames: 0, useless: undefined };
  const lines = linesOf(journal, Math.max(LINE_LIMIT, journalStart(settings).length));
  const { value: first } = await lines.next();
  if (first === undefined) return { frames: 0, useless: 'its journal is damaged' };
  if (`${first}\n` === journalStart(settings)) {
    let frames = 0;
    for await (const _ of framesOf(lines)) frames++;
    return { frames, useless: undefined };
  }
  await lines.return(undefined);
  const empty = first.length + 1 === length;
  return { frames: 0, useless: empty ? undefined : differenceOf(first, settings) };
}

/**
 * Yields the frames of a journal, whose first line was read before. Ignores a last line that an
 * interruption cut, and everything after a line that makes no sense. {@link journalLine} gives each
 * line as it was read.
 */
export function journalFrames(journal: AsyncIterable<Uint8Array>): AsyncGenerator<WrittenFrame> {
  return framesOf(linesOf(journal, LINE_LIMIT));
}

async function* framesOf(lines: AsyncIterable<string>): AsyncGenerator<WrittenFrame> {
  for await (const line of lines) {
    const frame = frameIn(line);
    if (frame === undefined) return;
    yield frame;
  }
}

const FRAME = /^(0|[1-9]\d{0,3}) ([1-9]\d{0,6}) ([1-9]\d{0,6})$/;

function frameIn(line: string): WrittenFrame | undefined {
  const fields = FRAME.exec(line);
  if (fields === null) return undefined;
  const [, part, size, length] = fields;
  const frame: WrittenFrame = {
    part: Number(part),
    size: Number(size),
    length: Number(length),
  };
  return frame.size <= MAX_STORED_SIZE && frame.length <= FRAME_SIZE ? frame : undefined;
}

/** Yields the complete lines of a text. Ends at a line of more than `limit` bytes. */
async function* linesOf(text: AsyncIterable<Uint8Array>, limit: number): AsyncGenerator<string> {
  let rest = '';
  for await (const { buffer, byteOffset, byteLength } of text) {
    const piece = Buffer.from(buffer, byteOffset, byteLength).toString('latin1');
    const lines = (rest + piece).split('\n');
    rest = lines.pop() as string;
    yield* lines;
    if (rest.length > limit) return;
  }
}

/** Describes why a journal with this first line is of no use for an export with these settings. */
function differenceOf(line: string, settings: DraftSettings): string {
  const earlier = settingsOf(line);
  if (earlier === undefined) return 'its journal is damaged';
  const other = (Object.keys(inWords) as (keyof DraftSettings)[]).filter(
    (name) => JSON.stringify(earlier[name]) !== JSON.stringify(settings[name]),
  );
  return `it was made with ${other.map((name) => inWords[name](earlier)).join(', ')}`;
}

const inWords: Record<keyof DraftSettings, (earlier: Partial<DraftSettings>) => string> = {
  uuid: () => 'another snapshot',
  ctransid: () => 'another state of the snapshot',
  parent: () => 'another parent',
  cloneSources: () => 'other clone sources',
  protocol: ({ protocol }) => `protocol ${protocol}`,
  compressedData: ({ compressedData }) => `data ${compressedData ? '' : 'not '}sent compressed`,
  level: ({ level }) => `level ${level}`,
  maxPartSize: ({ maxPartSize }) => `parts of up to ${maxPartSize} bytes`,
  after: () => 'another beginning on other media',
};

function settingsOf(line: string): Partial<DraftSettings> | undefined {
  if (!line.startsWith(`${FORMAT} {`)) return undefined;
  try {
    return JSON.parse(line.slice(FORMAT.length)) as Partial<DraftSettings>;
  } catch {
    return undefined;
  }
}
