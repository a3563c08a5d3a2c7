import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { exit, type FailureCode, failureExit } from '../../src/failure/failure.ts';
import { COMMAND_HEADER, type CommandBody, STREAM_HEADER } from '../../src/sendstream/commands.ts';
import { encodeCommand, encodeHeader, sealCommand } from '../../src/sendstream/writer.ts';
import { FRAME_SIZE } from '../../src/zstd/frame.ts';
import { describeReal, withDirectory } from '../filesystem.ts';
import { bytes, concat, end, other, streamOf, subvol } from '../sendstream/streams.ts';
import { importInto, verify } from './attempt.ts';
import { clone, link, mkdir, mkfile, rename, symlink, write } from './bodies.ts';
import {
  type Destination,
  received,
  type Watch,
  watchBtrfs,
  withDestination,
} from './destination.ts';
import { type Forgery, forge } from './forge.ts';
import { tally } from './tally.ts';

/**
 * Streams whose first frames are good, so that `btrfs receive` is at work when the attack comes.
 */

const FRAMES = 3;
const encoded = (...bodies: CommandBody[]) => bodies.map((body) => encodeCommand(body, 2));

/** Commands that take more than three frames. */
const harmless = concat(
  encodeHeader(2),
  ...encoded(subvol, mkfile('f')),
  ...Array.from({ length: Math.ceil((FRAMES * FRAME_SIZE) / 120_000) + 1 }, (_, i) =>
    encodeCommand(
      { type: 'WRITE', path: bytes('f'), fileOffset: BigInt(i * 120_000), data: filler(i) },
      2,
    ),
  ),
);

function filler(seed: number): Uint8Array {
  return Buffer.alloc(120_000, `block ${seed} `);
}

interface LateAttack {
  readonly name: string;
  readonly tail: Uint8Array;
  readonly code: FailureCode;
  readonly forgery?: Forgery;
}

const attack = (name: string, code: FailureCode, ...tail: Uint8Array[]): LateAttack => ({
  name,
  code,
  tail: concat(...tail),
});
/** A stream without its header and first command, in which the subvolume's name stands. */
function behindFirst(stream: Uint8Array): Buffer {
  const bytes = Buffer.from(stream.buffer, stream.byteOffset, stream.byteLength);
  return bytes.subarray(STREAM_HEADER + COMMAND_HEADER + bytes.readUInt32LE(STREAM_HEADER));
}

const last = encodeCommand(end, 2);
const way = '../../outside';

/** Puts another frame or entry in the place of the last one. */
const onLast =
  <T>(change: (item: T) => T) =>
  (items: T[]) =>
    items.map((item, i) => (i === items.length - 1 ? change(item) : item));

const attacks: LateAttack[] = [
  attack('a path with ..', 'stream-unsafe-path', ...encoded(write(`${way}/sentinel`), end)),
  attack('an absolute path', 'stream-unsafe-path', ...encoded(write('/etc/motd'), end)),
  attack(
    'a symlink written through',
    'stream-unsafe-path',
    ...encoded(symlink('l', `${way}/sentinel`), write('l'), end),
  ),
  attack(
    'a symlink, its directory renamed',
    'stream-unsafe-path',
    ...encoded(mkdir('d'), symlink('d/l', way), rename('d', 'e'), write('e/l/sentinel'), end),
  ),
  attack(
    'a hard link of a symlink',
    'stream-unsafe-path',
    ...encoded(symlink('l', `${way}/sentinel`), link('m', 'l'), write('m'), end),
  ),
  attack('a second SUBVOL', 'stream-malformed', ...encoded(subvol, mkfile('g'), end)),
  attack('an unknown command', 'stream-malformed', sealCommand(26, bytes('x')), last),
  attack('a wrong checksum', 'stream-checksum', encodeCommand(mkfile('g'), 2).with(7, 0), last),
  attack('a length that lies', 'stream-malformed', Buffer.alloc(10, 0xff), last),
  attack('no END', 'stream-truncated', new Uint8Array(0)),
  attack('half a command', 'stream-truncated', encodeCommand(mkfile('g'), 2).subarray(0, 20)),
  attack('bytes after END', 'stream-malformed', last, bytes('more')),
  attack('a stream after END', 'stream-malformed', last, streamOf(2, [subvol, end])),
  {
    ...attack(
      'a clone source that the manifest does not name',
      'stream-differs-from-manifest',
      ...encoded(clone('f', 'secret', other), end),
    ),
    forgery: { claim: { cloneSources: [] } },
  },
  {
    ...attack('a last frame of another checksum', 'frame-damaged', last),
    forgery: { entries: onLast((entry) => ({ ...entry, checksum: entry.checksum ^ 1 })) },
  },
  {
    ...attack('another SHA-256', 'part-damaged', last),
    forgery: {
      manifest: (manifest) => ({
        ...manifest,
        parts: manifest.parts.map((part) => ({ ...part, sha256: '0'.repeat(64) })),
      }),
    },
  },
];

describeReal('an attack late in a stream', () => {
  let destination: Destination;
  let watch: Watch;
  let before: string[];
  beforeAll(() => {
    watch = watchBtrfs();
    vi.stubEnv('PATH', `${watch.programs}:${process.env.PATH}`);
    destination = withDestination();
    before = destination.state(true);
  });
  afterAll(() => {
    vi.unstubAllEnvs();
    destination.btrfs.remove();
  });

  test.each(attacks)('$name', async ({ tail, code, forgery }) => {
    const archive = withDirectory();
    forge(archive, concat(harmless, tail), forgery);
    const feed = watch.feed();
    const refused = await importInto(archive, destination.into);
    const began = received(watch.calls());
    if (!began) feed.stop();
    const fed = await feed.bytes;
    expect(
      refused.failures.map((failure) => failure.code),
      refused.lines.join('\n'),
    ).toEqual([code]);
    expect(refused.exit).toBe(failureExit[code]);
    expect(began).toBe(true);
    expect(destination.state(true)).toEqual(before);
    // Behind the first command it is the beginning of the stream, and ends before the attack.
    const passed = behindFirst(fed);
    const stream = behindFirst(concat(harmless, tail));
    expect(passed.length).toBeGreaterThan(FRAME_SIZE);
    expect(passed.length).toBeLessThanOrEqual(stream.length - tail.length);
    expect(Buffer.compare(passed, stream.subarray(0, passed.length))).toBe(0);

    const found = await verify(archive);
    expect(found.failures.map((failure) => failure.code)).toContain(code);
    expect(found.exit).toBe(exit.damaged);
    tally('hostile streams stopped while btrfs receive is at work', 1);
  });

  test('is what is refused: without it, the stream is received', async () => {
    const archive = withDirectory();
    forge(archive, concat(harmless, last));
    const feed = watch.feed();
    expect(await importInto(archive, destination.into)).toMatchObject({ exit: 0, failures: [] });
    expect(received(watch.calls())).toBe(true);
    expect((await feed.bytes).subarray(-last.length).equals(last)).toBe(true);
  });
});
