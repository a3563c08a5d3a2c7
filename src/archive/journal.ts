/**
 * What an export has written so far, beside the parts that it writes: so that the next one need
 * not do it again. Lines of text; the first says what is being exported, each further one tells
 * of a frame.
 */
export const JOURNAL_FILE = 'journal';

/** What must be equal for frames of an earlier run to be of use. JSON with stable members. */
export interface DraftSettings {
  readonly uuid: string;
  readonly ctransid: string;
  readonly parent: string | null;
  readonly cloneSources: readonly string[];
  readonly protocol: number;
  readonly compressedData: boolean;
  readonly level: number;
  readonly maxPartSize: number;
}

/** A frame that lies whole in a part. */
export interface WrittenFrame {
  /** Index of the part, from 0. */
  readonly part: number;
  /** Bytes as stored. */
  readonly size: number;
  /** Bytes of stream. */
  readonly length: number;
  /** XXH64 of those bytes of stream. */
  readonly xxh64: bigint;
  /** XXH64 of the bytes as stored: a power cut may have spoiled them. */
  readonly storedXxh64: bigint;
}

const FORMAT = 'btrferry/journal 1';

export function journalStart(settings: DraftSettings): string {
  return `${FORMAT} ${JSON.stringify(settings)}\n`;
}

export function journalLine({ part, size, length, xxh64, storedXxh64 }: WrittenFrame): string {
  return `${part} ${size} ${length} ${xxh64.toString(16)} ${storedXxh64.toString(16)}\n`;
}

/**
 * Reads a journal. What an interruption left of its last line is passed over, and so is all
 * behind a line that makes no sense. Undefined: it is of another export, or of none.
 */
export function parseJournal(text: string, settings: DraftSettings): WrittenFrame[] | undefined {
  const start = journalStart(settings);
  if (!text.startsWith(start)) return undefined;
  const frames: WrittenFrame[] = [];
  const lines = text.slice(start.length).split('\n').slice(0, -1);
  for (const line of lines) {
    const fields = /^(\d{1,4}) (\d{1,9}) (\d{1,9}) ([0-9a-f]{1,16}) ([0-9a-f]{1,16})$/.exec(line);
    if (fields === null) break;
    const [, part, size, length, xxh64, storedXxh64] = fields;
    frames.push({
      part: Number(part),
      size: Number(size),
      length: Number(length),
      xxh64: BigInt(`0x${xxh64}`),
      storedXxh64: BigInt(`0x${storedXxh64}`),
    });
  }
  return frames;
}

/**
 * Why the frames of a journal are of no use for an export with these settings, in words.
 * Undefined: they are, or there are none.
 */
export function journalDifference(text: string, settings: DraftSettings): string | undefined {
  const end = text.indexOf('\n') + 1;
  if (text.startsWith(journalStart(settings)) || end === text.length) return undefined;
  const earlier = settingsOf(text.slice(0, end));
  if (earlier === undefined) return 'its journal is damaged';
  const other = (Object.keys(settings) as (keyof DraftSettings)[]).filter(
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
};

function settingsOf(line: string): Partial<DraftSettings> | undefined {
  if (!line.startsWith(`${FORMAT} {`)) return undefined;
  try {
    return JSON.parse(line.slice(FORMAT.length)) as Partial<DraftSettings>;
  } catch {
    return undefined;
  }
}
