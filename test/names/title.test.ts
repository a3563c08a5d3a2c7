import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byteString, bytesOf } from '../../src/names/byte-string.ts';
import { distinguished, NAME_MAX, titleOf } from '../../src/names/title.ts';

describe('the title of a snapshot', () => {
  it.each([
    ['home.2026-11-01', '/snapshots/home.2026-11-01', 'home.2026-11-01'],
    ['home', null, 'home'],
    ['home', '/', 'home'],
    ['snapshot', '/home/.snapshots/3/snapshot', 'home.3'],
    ['snapshot', '/mnt/top/@home/.snapshots/12/snapshot', '@home.12'],
    ['snapshot', '/.snapshots/3/snapshot', 'snapshot.3'],
    ['snapshot', '/mnt/@snapshots/3/snapshot', 'snapshot.3'],
    ['snapshot', '/home/.snapshots/2026-11-01/snapshot', 'snapshot.2026-11-01'],
    ['mine', '/home/.snapshots/3/mine', 'mine.3'],
    [
      '@',
      '/run/timeshift/1/backup/timeshift-btrfs/snapshots/2026-11-01_10-00-01/@',
      '@.2026-11-01_10-00-01',
    ],
    ['@home', 'timeshift-btrfs/snapshots/2026-11-01_10-00-01/@home', '@home.2026-11-01_10-00-01'],
    ['home', '/snapshots/20261101T1000/home', 'home.20261101T1000'],
    ['home', '/snapshots/20261101/home', 'home.20261101'],
    ['home', '/snapshots/2026-1101/home', 'home'],
    ['home', '/snapshots/2026-13-01/home', 'home'],
    ['home', '/snapshots/20261301T1000/home', 'home'],
    ['home', '/snapshots/v3/home', 'home'],
    ['home', '/3/snapshots/home', 'home'],
  ])('%j at %j is %j', (name, path, title) => {
    expect(titleOf(name, path)).toBe(title);
  });

  it('keeps every byte', () => {
    const bytes = (text: string) => byteString(Buffer.from(text, 'latin1'));
    expect(titleOf(bytes('a\xff'), '/3/a')).toEqual(bytes('a\xff.3'));
    expect(titleOf('snapshot', bytes('/\xff/.snapshots/3/snapshot'))).toEqual(bytes('\xff.3'));
    expect(titleOf('x', bytes('/2026-11-01\xff/x'))).toEqual(bytes('x.2026-11-01\xff'));
  });

  it('ignores a path component that cannot be a name', () => {
    expect(titleOf('x', '/2026-11-01\0/x')).toBe('x');
    expect(titleOf('snapshot', '/a\0b/.snapshots/3/snapshot')).toBe('snapshot.3');
  });

  it('is at most as long as a name may be, and keeps its distinguishing end', () => {
    expect(titleOf('x'.repeat(NAME_MAX), '/12/x')).toBe(`${'x'.repeat(NAME_MAX - 3)}.12`);
    expect(titleOf('x', `/${'1'.repeat(NAME_MAX)}/x`)).toBe('x');
  });

  it('of any name and path is a name', () => {
    const part = fc.oneof(
      fc.constantFrom('.snapshots', '3', '2026-11-01', 'snapshot', '..', ''),
      fc.string({ unit: 'binary' }),
    );
    fc.assert(
      fc.property(fc.array(part), part, (parts, last) => {
        const path = [...parts, last].join('/');
        const name = last.replaceAll(/[/\0]/g, '') || 'x';
        const title = bytesOf(titleOf(name, path)).toString('latin1');
        const taken = title !== Buffer.from(name).toString('latin1');
        if (taken) {
          expect(title.length).toBeLessThanOrEqual(NAME_MAX);
          expect(title).toMatch(/^[^/\0]*\.\d[^/\0]*$/s);
        }
      }),
    );
  });
});

describe('ambiguous streams', () => {
  const name = (title: string | { base64: string }, uuid: string) => ({ name: 'x', title, uuid });

  it('have the same title, and are not copies of one stream', () => {
    const same = [name('home.3', 'a'), name('home.3', 'b')];
    const others = [name('home.4', 'c'), name('home.4', 'c')];
    const mark = distinguished([...same, ...others]);
    expect(same.map(mark)).toEqual(same.map((each) => ({ ...each, ambiguous: true })));
    expect(others.map(mark)).toEqual(others);
    expect(mark(name('new', 'd'))).toEqual(name('new', 'd'));
  });

  it('are compared as bytes, however they are written', () => {
    const same = [name('a', 'a'), name({ base64: 'YQ==' }, 'b')];
    expect(same.map(distinguished(same)).every(({ ambiguous }) => ambiguous)).toBe(true);
  });
});
