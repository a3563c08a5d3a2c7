import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  incomingDirectory,
  incomingName,
  isIncoming,
  isOtherDraft,
  receiptFile,
  streamDirectory,
  sumsText,
} from '../../src/archive/layout.ts';

const uuid = '11111111-2222-3333-4444-555555555555';
const parentUuid = '66666666-7777-8888-9999-aaaaaaaaaaaa';

describe('the layout of an archive', () => {
  it('names a stream after its title, its UUID and its parent', () => {
    const title = Buffer.from('home:1');
    expect(streamDirectory({ title, uuid, parentUuid: null })).toBe('home_1.11111111.full');
    expect(streamDirectory({ title, uuid, parentUuid })).toBe('home_1.11111111.from-66666666');
  });

  it('keeps an unfinished stream under a hidden name that contains its final name', () => {
    const directory = incomingDirectory('home.11111111.full');
    expect(directory).toBe('streams/.incoming-home.11111111.full');
    const name = directory.replace('streams/', '');
    expect(isIncoming(name)).toBe(true);
    expect(incomingName(name)).toBe('home.11111111.full');
    expect(isIncoming('home.11111111.full')).toBe(false);
  });

  it('knows drafts of the same snapshot by its UUID, whatever their title and parent', () => {
    const directory = 'home.3.11111111.full';
    const others = ['home.3.11111111.from-66666666', 'snapshot.11111111.full'];
    const foreign = ['home.3.22222222.full', 'home.11111111.x', directory];
    const drafts = [...others, ...foreign].map((name) => `.incoming-${name}`);
    const found = [...drafts, ...others].filter((name) => isOtherDraft(name, directory));
    expect(found).toEqual(others.map((name) => `.incoming-${name}`));
  });

  it('has a receipt for each filesystem', () => {
    expect(receiptFile(uuid)).toBe(`receipts/${uuid}.json`);
  });

  it('has sums that sha256sum accepts, and with which it finds a change', () => {
    const directory = mkdtempSync(join(tmpdir(), 'btrferry-layout-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const parts = ['0001.btrfs.zst', '0002.btrfs.zst'].map((file) => {
      writeFileSync(join(directory, file), file);
      return { file, sha256: createHash('sha256').update(file).digest('hex') };
    });
    writeFileSync(join(directory, 'SHA256SUMS'), sumsText(parts));
    const check = () =>
      execFileSync('sha256sum', ['--strict', '-c', 'SHA256SUMS'], {
        cwd: directory,
        stdio: 'pipe',
      });
    expect(String(check())).toBe('0001.btrfs.zst: OK\n0002.btrfs.zst: OK\n');
    writeFileSync(join(directory, '0002.btrfs.zst'), 'changed');
    expect(check).toThrow('1 computed checksum did NOT match');
  });
});
