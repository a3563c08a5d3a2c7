import { describe, expect, it } from 'vitest';
import { complaint, start } from '../../src/process/program.ts';
import { onProgram, type ProgramEvent } from '../../src/process/trace.ts';

const seen: ProgramEvent[] = [];
onProgram((event) => seen.push(event));

describe('a program', () => {
  it('reports how it ended', async () => {
    const bad = await start('sh', ['-c', 'echo first >&2; echo ERROR: why >&2; exit 3']).ended;
    expect(bad).toMatchObject({ exitCode: 3, missing: false, stderr: ['first', 'ERROR: why'] });
    expect(complaint(bad)).toBe('why');
    const none = await start('no-such-program', []).ended;
    expect(none).toMatchObject({ exitCode: undefined, missing: true });
    const killed = await start('sh', ['-c', 'kill -TERM $$']).ended;
    expect(complaint(killed)).toBe('ended by SIGTERM');
  });

  it('gets arguments of any bytes', async () => {
    const odd = Buffer.from([0x61, 0xff, 0x0a, 0x27, 0x0a]);
    const { stdout, ended } = start('printf', ['%s.', odd]);
    const pieces: Buffer[] = [];
    stdout?.on('data', (piece: Buffer) => pieces.push(piece));
    await ended;
    expect(Buffer.concat(pieces)).toEqual(Buffer.concat([odd, Buffer.from('.')]));
  });

  it('finds no program in the working directory', async () => {
    const { PATH } = process.env;
    process.env.PATH = `:.:${PATH}`;
    const { stdout, ended } = start('sh', ['-c', 'echo "$PATH"']);
    let path = '';
    stdout?.on('data', (piece: Buffer) => (path += piece));
    await ended;
    process.env.PATH = PATH;
    expect(
      path
        .trim()
        .split(':')
        .every((place) => place.startsWith('/')),
    ).toBe(true);
  });

  it('keeps the beginning, the end and the first error of a long stderr', async () => {
    const script = 'seq 1 5000 | sed "s/^2000$/ERROR: here/" >&2';
    const { stderr, error } = await start('sh', ['-c', script]).ended;
    expect([stderr.length, stderr[0], stderr.at(-1), error]).toEqual([
      100,
      '1',
      '5000',
      'ERROR: here',
    ]);
  });

  it('ends with the signal of its caller', async () => {
    const stop = new AbortController();
    const { ended } = start('sleep', ['60'], { signal: stop.signal });
    stop.abort();
    expect(await ended).toMatchObject({ canceled: true });
  });

  it('is announced when it starts and when it has ended', async () => {
    seen.length = 0;
    await start('sh', ['-c', 'exit 7', 'it is']).ended;
    expect(seen).toEqual([
      { state: 'started', commandLine: "sh -c 'exit 7' 'it is'" },
      {
        state: 'ended',
        commandLine: "sh -c 'exit 7' 'it is'",
        outcome: 'exit code 7',
        milliseconds: expect.any(Number),
      },
    ]);
  });
});
