import type { Readable } from 'node:stream';

const FIRST_LINES = 50;
const LAST_LINES = 50;
/** Characters. */
const LONGEST_LINE = 4096;

/** The lines that were kept. */
export interface Seen {
  /** The first 50 and the last 50 lines, each cut at 4096 characters. */
  readonly lines: string[];
  /** The first line that starts with `ERROR:`, even if it is not among `lines`. */
  readonly error: string | undefined;
}

/** Reads a stream of lines in bounded memory. */
export function lineTail(stream: Readable): {
  seen(): Seen;
  /** The first line with this start, when it comes; undefined if the stream ends without it. */
  line(start: string): Promise<string | undefined>;
} {
  const head: string[] = [];
  const tail: string[] = [];
  let error: string | undefined;
  let rest = '';
  let ended = false;
  const waiting = new Map<string, (found: string | undefined) => void>();

  const take = (line: string) => {
    for (const [start, settle] of waiting) if (line.startsWith(start)) settle(line);
    if (line.startsWith('ERROR:')) error ??= line;
    if (head.length < FIRST_LINES) head.push(line);
    else if (tail.push(line) > LAST_LINES) tail.shift();
  };
  stream.setEncoding('utf8');
  stream.on('data', (piece: string) => {
    const lines = (rest + piece).split('\n');
    rest = (lines.pop() ?? '').slice(0, LONGEST_LINE);
    for (const line of lines) take(line.slice(0, LONGEST_LINE));
  });
  const finish = () => {
    if (ended) return;
    ended = true;
    if (rest !== '') take(rest);
    for (const settle of waiting.values()) settle(undefined);
  };
  stream.on('end', finish).on('close', finish).on('error', finish);

  return {
    seen: () => ({ lines: [...head, ...tail], error }),
    line: (start) =>
      new Promise((resolve) => {
        const found = head.find((line) => line.startsWith(start));
        if (ended || found !== undefined) resolve(found);
        else waiting.set(start, resolve);
      }),
  };
}
