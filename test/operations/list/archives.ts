import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import {
  headerDocument,
  manifestDocument,
  receiptDocument,
} from '../../../src/manifest/document.ts';
import type { ManifestRequirement } from '../../../src/manifest/schema.ts';
import { exampleManifest } from '../../manifest/example.ts';

const tool = { name: 'btrferry', version: '0.1.0' };
const createdAt = '2026-11-22T10:00:00Z';

/** A UUID made of one hexadecimal digit. */
export const uuid = (digit: string): string =>
  [8, 4, 4, 4, 12].map((length) => digit.repeat(length)).join('-');

/** An identity: the UUID of one digit, and a ctransid. */
export const identity = (digit: string, ctransid = '7'): ManifestRequirement => ({
  uuid: uuid(digit),
  ctransid,
  sendTransid: null,
});

/** The same as events tell of it. */
export const told = (digit: string, ctransid = '7') => ({ uuid: uuid(digit), ctransid });

export interface ArchiveFixture {
  readonly at: string;
  /** Adds a stream's manifest (the parts are not there) and gives its path. */
  add(
    name: string,
    who: ManifestRequirement,
    parent: ManifestRequirement | null,
    cloneSources?: ManifestRequirement[],
  ): string;
  /** Writes the receipt of a destination that has this. */
  receipt(has: ManifestRequirement): string;
}

/** An archive as far as `list` reads it; removed after the test. */
export function withArchive(): ArchiveFixture {
  const at = mkdtempSync(path.join(tmpdir(), 'btrferry-list-'));
  onTestFinished(() => rmSync(at, { recursive: true }));
  const write = (file: string, bytes: Uint8Array) => {
    const target = path.join(at, file);
    mkdirSync(path.dirname(target), { recursive: true });
    writeFileSync(target, bytes);
    return target;
  };
  const header = {
    format: 'btrferry/archive',
    version: 1,
    id: uuid('0'),
    tool,
    createdAt,
  } as const;
  write(
    'btrferry.json',
    headerDocument.encode({ ...header, features: [], label: 'holiday drive' }),
  );
  return {
    at,
    add(name, who, parent, cloneSources = []) {
      const kind = parent === null ? 'full' : 'incremental';
      const manifest = exampleManifest({ name, kind, identity: who, parent, cloneSources });
      const directory = `streams/${name}.${kind}`;
      return write(`${directory}/manifest.json`, manifestDocument.encode(manifest));
    },
    receipt(has) {
      const { uuid: of, ctransid } = has;
      const there = { uuid: of, ctransid: '99', sendTransid: ctransid };
      const subvolumes = [{ ...there, localUuid: uuid('d'), path: 'x' }];
      return write(
        `receipts/${uuid('e')}.json`,
        receiptDocument.encode({
          format: 'btrferry/receipt',
          version: 1,
          filesystem: uuid('e'),
          subvolumes,
          tool,
          createdAt,
        }),
      );
    },
  };
}
