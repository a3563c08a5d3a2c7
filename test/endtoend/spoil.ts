import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { MountedImage } from '../filesystem.ts';

/** Damage that happens to media and files. */

/** Changes one bit of a file; a negative place counts from the end. */
export function flip(file: string, at: number): void {
  const bytes = readFileSync(file);
  const place = at < 0 ? bytes.length + at : at;
  bytes[place] = (bytes[place] ?? 0) ^ 0x40;
  writeFileSync(file, bytes);
}

/** Replaces a text in a file, which must be there. */
export function edit(file: string, from: string, to: string): void {
  const text = readFileSync(file, 'utf8');
  expect(text).toContain(from);
  writeFileSync(file, text.replace(from, to));
}

/** In place: a loop device that is still being let go would be used again, as it was. */
export function remount({ mount }: MountedImage, how: 'ro' | 'rw'): void {
  execFileSync('mount', ['-o', `remount,${how}`, mount]);
}
