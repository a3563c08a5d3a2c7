import { describe, expect, it } from 'vitest';
import { reporterFor } from '../../src/report/choose.ts';
import { colourful } from '../../src/report/style.ts';
import { capture } from './capture.ts';
import { a, begun, done, MiB, progress, report } from './events.ts';

describe('progress', () => {
  it('as lines: begin and end of a stream, and one each ten seconds', () => {
    const events = Array.from({ length: 60 }, (_, at) => progress(at * MiB, 100 * MiB));
    const { errLines } = report([begun, ...events, done]);
    expect(errLines[0]).toBe('receiving 1 of 3  home.1');
    expect(errLines[1]).toMatch(
      /^ {2}\d+% {2}[\d.]+ MiB of 100\.0 MiB {2}[\d.]+ MiB\/s {2}.* left$/,
    );
    expect(errLines.length).toBeGreaterThan(3);
    expect(errLines.length).toBeLessThan(8);
  });

  it('drawn in place on a terminal, in two lines within its width', () => {
    const output = capture({ interactive: true, style: colourful });
    let time = 0;
    const reporter = reporterFor(output, { json: false, quiet: false }, () => (time += 1000));
    const long = { ...begun, stream: { ...a, title: 'x'.repeat(200) } };
    for (const event of [long, progress(MiB, 4 * MiB), progress(2 * MiB), done]) {
      reporter.emit(event);
    }
    const bare = output.drawings.map((lines) =>
      // biome-ignore lint/suspicious/noControlCharactersInRegex: colours
      lines.map((line) => line.replace(/\x1b\[\d+m/g, '')),
    );
    expect(bare[0]?.[0]).toMatch(/^receiving 1 of 3 {2}x+…$/);
    expect(bare[1]?.[1]).toBe('  ████░░░░░░░░░░   25%  1.0 MiB of 4.0 MiB  1.0 MiB/s  3.0 s left');
    expect(bare[2]?.[1]).toBe('  2.0 MiB  1.0 MiB/s  1.0 MiB stored');
    expect(bare[3]).toEqual([]);
    expect(Math.max(...bare.flat().map((line) => line.length))).toBeLessThan(81);
    expect(output.errLines).toHaveLength(1);
  });
});
