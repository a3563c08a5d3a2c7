import { describe, expect, it } from 'vitest';
import { linkedStates } from '../../../src/archive/graph/graph.ts';
import { formerRecords, receiptRecords } from '../../../src/archive/read/receipts.ts';
import {
  destinationListed,
  receiptOfDestination,
} from '../../../src/operations/archives/destinations.ts';
import { exampleReceipt } from '../../manifest/example.ts';
import { receivedState, stream, uuid } from '../import/archived.ts';

const receipt = (digits: string, change: Parameters<typeof exampleReceipt>[0] = {}) =>
  exampleReceipt({ filesystem: uuid(digits), ...change });

describe('the destination that a user names', () => {
  const vault = receipt('aaaa', { label: 'vault', host: 'nas' });
  const attic = receipt('aabb', { label: 'attic', host: 'nas' });
  const odd = receipt('cc', { label: { base64: '/w==' } });
  const all = [vault, attic, odd];
  const unknown = expect.objectContaining({ code: 'destination-unknown' });

  it('is found by label, host, UUID or the beginning of it', () => {
    expect(receiptOfDestination('vault', all)).toBe(vault);
    expect(receiptOfDestination('nas', [vault, odd])).toBe(vault);
    expect(receiptOfDestination(uuid('aabb').toUpperCase(), all)).toBe(attic);
    expect(receiptOfDestination('aabb', all)).toBe(attic);
  });

  it('must be one', () => {
    for (const name of ['nas', 'aa', 'cellar', '', '\ufffd']) {
      expect(() => receiptOfDestination(name, all)).toThrow(unknown);
    }
    expect(() => receiptOfDestination('vault', [])).toThrow(unknown);
  });

  it('may have the name of the machine of another as its label', () => {
    const named = receipt('dd', { label: 'nas' });
    expect(receiptOfDestination('nas', [...all, named])).toBe(named);
  });
});

it('a destination is compared with streams: those it has, lacks and removed', () => {
  const streams = ['a', 'b', 'c', 'd'].map((id, at) =>
    stream(id, { change: { createdAt: `2026-11-0${at + 1}T00:00:00Z` }, stored: 10 ** at }),
  );
  const received = (id: string) => {
    const { uuid: of, ctransid, sendTransid } = receivedState(id);
    return { uuid: of, ctransid, sendTransid: sendTransid ?? '' };
  };
  const there = receipt('d', {
    subvolumes: [{ ...received('b'), localUuid: uuid('fb'), path: 'b' }],
    former: [received('a')],
  });
  const records = [...receiptRecords([there]), ...formerRecords([there])];
  const listed = destinationListed(there, streams, linkedStates(streams, records));
  const ids = (names: readonly { uuid: string }[]) => names.map((name) => name.uuid[0]);
  expect(listed.newest?.uuid).toBe(uuid('b'));
  expect([ids(listed.lacks), ids(listed.removed)]).toEqual([['c', 'd'], ['a']]);
  expect(listed.lacksStored).toBe(2 * 1100);
});
