import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it, vi } from 'vitest';
import { ledgerOf } from '../../src/ledger/ledger.ts';
import type { Receipt } from '../../src/manifest/schema.ts';
import { withDirectory } from '../filesystem.ts';
import { exampleReceipt } from '../manifest/example.ts';

const receiptOf = (digit: string, change: { createdAt?: string }) =>
  exampleReceipt({ filesystem: `${digit.repeat(8)}-cccc-dddd-eeee-ffffffffffff`, ...change });
const never = new AbortController().signal;

it('the newest receipt of each destination is remembered, whatever the order', async () => {
  const state = withDirectory();
  vi.stubEnv('XDG_STATE_HOME', state);
  const ledger = ledgerOf(never);
  expect(await ledger.receipts()).toEqual([]);
  const [old, young] = ['01', '02'].map((day) =>
    receiptOf('a', { createdAt: `2026-11-${day}T00:00:00Z` }),
  ) as [Receipt, Receipt];
  const other = receiptOf('b', {});
  await ledger.remember([young, other]);
  await ledger.remember([old]);
  const found = await ledger.receipts();
  expect(new Set(found.map(({ filesystem, createdAt }) => `${filesystem} ${createdAt}`))).toEqual(
    new Set([young, other].map(({ filesystem, createdAt }) => `${filesystem} ${createdAt}`)),
  );
  expect(readdirSync(path.join(state, 'btrferry/receipts')).length).toBe(2);
});

it('a directory that cannot be written or read counts as empty', async () => {
  const state = withDirectory();
  writeFileSync(path.join(state, 'btrferry'), 'a file in its place');
  vi.stubEnv('XDG_STATE_HOME', state);
  await ledgerOf(never).remember([receiptOf('a', {})]);
  expect(await ledgerOf(never).receipts()).toEqual([]);
});

it('a damaged receipt does not hide another', async () => {
  const state = withDirectory();
  vi.stubEnv('XDG_STATE_HOME', state);
  const ledger = ledgerOf(never);
  const [a, b] = [receiptOf('a', {}), receiptOf('b', {})];
  await ledger.remember([a]);
  const receipts = path.join(state, 'btrferry/receipts');
  mkdirSync(receipts, { recursive: true });
  writeFileSync(path.join(receipts, `${b.filesystem}.json`), '{}');
  expect((await ledger.receipts()).map(({ filesystem }) => filesystem)).toEqual([a.filesystem]);
  await ledger.remember([b]);
  expect((await ledger.receipts()).length).toBe(2);
});
