import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { portableName } from '../../src/names/portable.ts';

const named = (name: string) => portableName(Buffer.from(name, 'latin1'));

describe('the portable name of a subvolume', () => {
  it.each([
    ['home.2026-11-01T10', 'home.2026-11-01T10'],
    ['@home+x=1_y', '@home+x=1_y'],
    ['root@10:15:00', 'root@10_15_00'],
    ['a b\n\xff"*?<>|\\', 'a_b_________'],
    ['.hidden', '_.hidden'],
    ['..', '_..'],
    ['-rf', '_-rf'],
    ['con', '_con'],
    ['Aux.2026', '_Aux.2026'],
    ['lpt9', '_lpt9'],
    ['console', 'console'],
    ['', '_'],
  ])('of %j is %j', (name, expected) => {
    expect(named(name)).toBe(expected);
  });

  it('is bounded', () => {
    expect(named('x'.repeat(255))).toBe('x'.repeat(100));
  });

  it('is valid on FAT, whatever the bytes', () => {
    const reserved = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 255 }), (bytes) => {
        const name = portableName(bytes);
        expect(name).toMatch(/^[A-Za-z0-9_@+=][A-Za-z0-9._@+=-]{0,100}$/);
        expect(name).not.toMatch(reserved);
      }),
    );
  });
});
