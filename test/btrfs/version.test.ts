import { expect, onTestFinished, test, vi } from 'vitest';
import {
  atLeast,
  btrfsCapabilities,
  btrfsProgsVersion,
  kernelVersion,
  parseVersion,
} from '../../src/btrfs/version.ts';
import { printable } from '../../src/names/printable.ts';
import { requireRoot } from '../../src/process/privilege.ts';
import { describeReal, withProgram } from '../filesystem.ts';

test.each([
  ['btrfs-progs v6.2', 6, 2, 0],
  ['btrfs-progs v5.14.2 \n', 5, 14, 2],
  ['btrfs-progs v6.19\n-EXPERIMENTAL -INJECT +LIBBTRFSUTIL 1.2\n', 6, 19, 0],
  ['6.1.0-38-amd64', 6, 1, 0],
])('the version in %j', (text, major, minor, patch) => {
  expect(parseVersion(text)).toMatchObject({ major, minor, patch });
});

test('text without a version', () => {
  expect(parseVersion('btrfs')).toBe(undefined);
});

test('versions in order', () => {
  const version = { major: 5, minor: 14, patch: 2, text: '' };
  expect(atLeast(version, 5, 14)).toBe(true);
  expect(atLeast(version, 5, 14, 3)).toBe(false);
  expect(atLeast(version, 5, 9)).toBe(true);
  expect(atLeast(version, 6, 0)).toBe(false);
  expect(atLeast(version, 4, 20, 9)).toBe(true);
  expect(kernelVersion().major).toBeGreaterThan(2);
});

test('the failure names what helps', () => {
  vi.spyOn(process, 'geteuid').mockReturnValue(1000);
  onTestFinished(() => void vi.restoreAllMocks());
  expect(() => requireRoot('receiving')).toThrow('receiving needs root');
});

test('a btrfs older than protocol 2', async () => {
  withProgram(
    'btrfs',
    'case $1 in --version) echo btrfs-progs v5.14.1 ;; *) echo usage: -p -c ;; esac',
  );
  expect(await btrfsCapabilities()).toMatchObject({
    btrfsProgs: { major: 5, minor: 14, patch: 1 },
    protocol: 1,
    compressedData: false,
  });
});

test('no btrfs', async () => {
  withProgram('btrfs', 'exit 127');
  await expect(btrfsProgsVersion()).rejects.toMatchObject({
    code: 'btrfs-progs',
    hint: expect.stringContaining('apt install btrfs-progs'),
  });
});

test('paths in messages are one line', () => {
  expect(printable('/a b/ü')).toBe('/a b/ü');
  expect(printable('/a\nb\x1b[1m')).toBe('/a\\x0ab\\x1b[1m');
  expect(printable(Buffer.from([0x2f, 0xff, 0x0a, 0x61]))).toBe('/\\xff\\x0aa');
});

describeReal('this machine', () => {
  test('has what the other tests need', async () => {
    const capabilities = await btrfsCapabilities();
    expect(capabilities).toMatchObject({ protocol: 2, compressedData: true });
  });
});
