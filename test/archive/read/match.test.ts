import { describe, expect, it } from 'vitest';
import { announcedDifference, streamDifference } from '../../../src/archive/read/match.ts';
import { Failure } from '../../../src/failure/failure.ts';
import type { Manifest } from '../../../src/manifest/schema.ts';
import type { CommandBody } from '../../../src/sendstream/commands.ts';
import { StreamExamination } from '../../../src/sendstream/examination.ts';
import type { Summary } from '../../../src/sendstream/summary.ts';
import { exampleManifest } from '../../manifest/example.ts';
import { bytes, end, other, own, streamOf } from '../../sendstream/streams.ts';

const third = '33333333-3333-3333-3333-333333333333';
const clone: CommandBody = {
  type: 'CLONE',
  fileOffset: 0n,
  cloneLen: 4096n,
  path: bytes('f'),
  cloneUuid: third,
  cloneCtransid: 5n,
  clonePath: bytes('g'),
  cloneOffset: 0n,
};

/** The summary of a small incremental stream. */
function examined(...bodies: CommandBody[]): { summary: Summary; length: number } {
  const stream = streamOf(1, [
    {
      type: 'SNAPSHOT',
      path: bytes('home'),
      uuid: own,
      ctransid: 7n,
      cloneUuid: other,
      cloneCtransid: 6n,
    },
    ...bodies,
    end,
  ]);
  const examination = new StreamExamination();
  examination.push(stream);
  return { summary: examination.finish(), length: stream.length };
}

const { summary, length } = examined(clone, { type: 'UNLINK', path: bytes('old') });
const framesXxh64 = '0123456789abcdef';
const example = exampleManifest();

const manifest: Manifest = {
  ...example,
  name: 'home',
  kind: 'incremental',
  identity: { uuid: own, ctransid: '7', sendTransid: null },
  parent: { uuid: other, ctransid: '6', sendTransid: null, name: 'for people only' },
  cloneSources: [{ uuid: third, ctransid: '5', sendTransid: null }],
  stream: {
    protocol: 1,
    length,
    framesXxh64,
    commands: { SNAPSHOT: 1, CLONE: 1, UNLINK: 1, END: 1 },
    compressedData: false,
  },
  sha256: '',
};

const difference = (change: Partial<Manifest>, seen: Summary = summary) =>
  streamDifference({ ...manifest, ...change }, seen, length, framesXxh64);

describe('a stream', () => {
  it('is what its manifest describes', () => {
    expect(difference({})).toBeUndefined();
    expect(announcedDifference(manifest, summary)).toBeUndefined();
  });

  it.each<[string, Partial<Manifest>, string]>([
    [
      'of another subvolume',
      { identity: { uuid: third, ctransid: '7', sendTransid: null } },
      'it announces',
    ],
    [
      'of another state',
      { identity: { uuid: own, ctransid: '8', sendTransid: null } },
      'it announces',
    ],
    [
      'of another parent',
      { parent: { uuid: third, ctransid: '6', sendTransid: null } },
      'its parent is',
    ],
    [
      'of another state of the parent',
      { parent: { uuid: other, ctransid: '7', sendTransid: null } },
      'its parent is',
    ],
    ['that should be full', { parent: null }, 'instead of none'],
  ])('%s is identified by its first command', (_, change, said) => {
    expect(announcedDifference({ ...manifest, ...change }, summary)).toContain(said);
    expect(difference(change)).toContain(said);
  });

  it('that announces nothing is identified too', () => {
    expect(announcedDifference(manifest, undefined)).toBe('it announces no subvolume');
  });

  it.each<[string, Partial<Manifest>, string]>([
    ['name', { name: 'Home' }, 'its name differs'],
    ['name, in bytes', { name: { base64: '/w==' } }, 'its name differs'],
    ['length', { stream: { ...manifest.stream, length: length + 1 } }, `${length} bytes instead`],
    ['frames', { stream: { ...manifest.stream, framesXxh64: 'f'.repeat(16) } }, 'the XXH64 of its'],
    ['protocol', { stream: { ...manifest.stream, protocol: 2 } }, 'protocol version'],
    ['clone source', { cloneSources: [] }, 'it clones from other subvolumes'],
    [
      'state of a clone source',
      { cloneSources: [{ uuid: third, ctransid: '6', sendTransid: null }] },
      'it clones from other subvolumes',
    ],
    [
      'number of commands',
      { stream: { ...manifest.stream, commands: { ...manifest.stream.commands, UNLINK: 2 } } },
      'it holds other commands',
    ],
    [
      'kind of commands',
      { stream: { ...manifest.stream, commands: { SNAPSHOT: 1, CLONE: 1, RMDIR: 1, END: 1 } } },
      'it holds other commands',
    ],
  ])('with another %s does not match', (_, change, said) => {
    expect(difference(change)).toContain(said);
  });

  it('matches whatever the order of the members', () => {
    const commands = { END: 1, UNLINK: 1, CLONE: 1, SNAPSHOT: 1 };
    expect(difference({ stream: { ...manifest.stream, commands } })).toBeUndefined();
  });

  it('that carries no data is refused, even if the manifest agrees', () => {
    const body = { type: 'UPDATE_EXTENT', path: bytes('f'), fileOffset: 0n, size: 9n } as const;
    const seen = examined(body);
    const stream = {
      ...manifest.stream,
      length: seen.length,
      commands: { SNAPSHOT: 1, UPDATE_EXTENT: 1, END: 1 },
    };
    const said = streamDifference(
      { ...manifest, cloneSources: [], stream },
      seen.summary,
      seen.length,
      framesXxh64,
    );
    expect(said).toBe('it carries no file data');
  });

  it('cut short is never compared', () => {
    const stream = streamOf(1, [{ type: 'SUBVOL', path: bytes('s'), uuid: own, ctransid: 7n }]);
    const examination = new StreamExamination();
    examination.push(stream);
    expect(() => examination.finish()).toThrow(Failure);
  });
});
