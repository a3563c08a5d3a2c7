import { describe, expect, it } from 'vitest';
import { sizeKey, weighedParents } from '../../../src/operations/export/parent.ts';
import { a, b, c, kinOf, plan, snapshot, stateOf, stored } from './snapshots.ts';

describe('the plan of an export', () => {
  it('chains several in order of generation, whatever order they are given in', () => {
    expect(plan({ asked: [c, a, b, a] }).chain).toEqual(['a<', 'b<a', 'c<b']);
  });

  it('continues from the newest that the archive can restore', () => {
    const archived = [stored(a), stored(b, a)];
    expect(plan({ asked: [c], candidates: [a, b], archived }).chain).toEqual(['c<b']);
  });

  it('does not continue from a snapshot that the archive cannot restore', () => {
    const archived = [stored(a), stored(b, snapshot('lost', 15))];
    expect(plan({ asked: [c], candidates: [a, b], archived }).chain).toEqual(['c<a']);
  });

  it('does not continue from a snapshot that was changed, and says so', () => {
    const changed = { ...b, state: stateOf('b', 99) };
    const archived = [stored(a), stored(b, a)];
    const { chain, warnings } = plan({ asked: [c], candidates: [a, changed], archived });
    expect(chain).toEqual(['c<a']);
    expect(warnings.map((w) => w.code)).toEqual(['parent-changed']);
  });

  it('refuses a requested parent that was changed, and names another', () => {
    const changed = { ...b, state: stateOf('b', 99) };
    const facts = { asked: [c], candidates: [a, changed], archived: [stored(a), stored(b, a)] };
    expect(() => plan({ ...facts, parent: changed })).toThrow(
      expect.objectContaining({ code: 'parent-changed', hint: 'use --parent /src/a' }),
    );
  });

  it('allows a parent that the archive cannot restore, and says what the destination needs', () => {
    const { chain, warnings } = plan({ asked: [c], parent: b });
    expect(chain).toEqual(['c<b']);
    expect(warnings[0]?.hint).toContain('received UUID b, ctransid 20');
  });

  it('begins with the requested parent, and chains the rest', () => {
    expect(plan({ asked: [c, b], parent: a, archived: [stored(a)] }).chain).toEqual(['b<a', 'c<b']);
  });

  it('makes only full streams if requested', () => {
    expect(plan({ asked: [a, b], parent: 'none' }).chain).toEqual(['a<', 'b<']);
  });

  it('does not take an unrelated subvolume for a parent', () => {
    const other = snapshot('other', 25, { family: 'root' });
    expect(plan({ asked: [c, other] }).chain).toEqual(['other<', 'c<']);
  });

  it('skips snapshots that the archive has, and continues from them', () => {
    const facts = { asked: [a, b], candidates: [a], archived: [stored(a)] };
    expect(plan(facts).skipped).toEqual([a]);
    expect(plan(facts).chain).toEqual(['b<a']);
  });

  it('refuses a snapshot that was changed after it was exported', () => {
    const changed = { ...a, state: stateOf('a', 99) };
    expect(() => plan({ asked: [changed], archived: [stored(a)] })).toThrow(
      expect.objectContaining({ code: 'archive-conflict' }),
    );
  });

  it('recognises by a record that the archive has what this machine received', () => {
    const there = { ...stored(a), filesystem: 'origin' };
    const relayed = { ...a, state: stateOf('a', 77, { sendTransid: '10' }) };
    expect(plan({ asked: [relayed], archived: [there] }).skipped).toEqual([relayed]);
    // It came by a third one, which no record tells of.
    const unlinked = { ...a, state: stateOf('a', 77, { sendTransid: '55' }) };
    expect(() => plan({ asked: [unlinked], archived: [there] })).toThrow(
      expect.objectContaining({ code: 'archive-conflict' }),
    );
    const third = stateOf('a', 55, { filesystem: 'third', sendTransid: '10' });
    const known = plan({ asked: [unlinked], archived: [there], receipts: [[third]] });
    expect(known.skipped).toEqual([unlinked]);
  });

  it('takes a parent that only the receipts list, if all of them do', () => {
    const facts = { asked: [c], candidates: [b], archived: [stored(a)], kin: kinOf([a]) };
    const has = [b.state];
    const { chain, warnings } = plan({ ...facts, receipts: [has] });
    expect(chain).toEqual(['c<b']);
    expect(warnings.map(({ code }) => code)).toEqual(['parent-not-in-archive']);
    expect(plan({ ...facts, receipts: [has, [a.state]] }).chain).toEqual(['c<']);
    // Parents that the archive can restore come first.
    expect(plan({ ...facts, candidates: [a, b], receipts: [has] }).chain).toEqual(['c<a']);
  });

  it('weighs parents if no family is known, and says why there is none', () => {
    const copy = { ...c, family: 'another writable' };
    const facts = { asked: [copy], candidates: [a], archived: [stored(a)] };
    const sized = (full: number, from: number) => ({
      sizes: new Map([
        [sizeKey(copy, null), full],
        [sizeKey(copy, a), from],
      ]),
    });
    expect(weighedParents('auto', copy, [a])).toEqual([a]);
    const MiB = 2 ** 20;
    expect(plan({ ...facts, ...sized(9 * MiB, 4 * MiB) }).chain).toEqual(['c<a']);
    // Less than half is saved, or next to nothing.
    expect(plan({ ...facts, ...sized(9 * MiB, 5 * MiB) }).chain).toEqual(['c<']);
    expect(plan({ ...facts, ...sized(90, 20) }).chain).toEqual(['c<']);
    expect(weighedParents('auto', c, [a])).toEqual([]);
  });

  it('takes no parent below another mount point, and says so', () => {
    const elsewhere = { ...b, mountPoint: '/other' };
    const facts = { asked: [c], candidates: [elsewhere], archived: [stored(b)], kin: kinOf([b]) };
    const { chain, steps, warnings } = plan(facts);
    expect(chain).toEqual(['c<']);
    expect(steps[0]?.reason).toBe('full: b is here, but not below /src');
    expect(warnings.map(({ code }) => code)).toEqual(['full-again']);
    expect(plan({ ...facts, candidates: [], here: kinOf([b]) }).steps[0]?.reason).toContain('b is');
    expect(plan({ asked: [elsewhere, c] }).chain).toEqual(['b<', 'c<']);
    expect(() => plan({ ...facts, parent: elsewhere })).toThrow(
      expect.objectContaining({ code: 'usage' }),
    );
  });

  it('sends one of several equal subvolumes, and refuses different ones', () => {
    const copy = {
      ...a,
      uuid: 'copy',
      path: '/src/copy',
      state: stateOf('a', 70, { sendTransid: '10' }),
    };
    expect(plan({ asked: [copy, a, b] }).chain).toEqual(['a<', 'b<a']);
    const other = { ...copy, state: stateOf('a', 70, { sendTransid: '9' }) };
    expect(() => plan({ asked: [a, other] })).toThrow(
      expect.objectContaining({ code: 'archive-conflict' }),
    );
  });

  it('warns of a full stream if the archive has the family, or refuses it', () => {
    const facts = { asked: [c], archived: [stored(a), stored(b, a)], kin: kinOf([a, b]) };
    const { chain, steps, warnings } = plan(facts);
    expect(chain).toEqual(['c<']);
    expect(steps[0]?.reason).toBe('full: a and b are in the archive, but no longer here');
    expect(warnings.map(({ code }) => code)).toEqual(['full-again']);
    expect(() => plan({ ...facts, requireIncremental: true })).toThrow(
      expect.objectContaining({ code: 'parent-missing' }),
    );
    // The first of a family is full in any case, and so is one that was asked for.
    expect(plan({ asked: [c], requireIncremental: true }).chain).toEqual(['c<']);
    expect(plan({ ...facts, parent: 'none' }).warnings).toEqual([]);
  });

  it('names the newest stream in the archive that cannot be restored', () => {
    const archived = [stored(a), stored(b, snapshot('lost', 15))];
    expect(plan({ asked: [a, b], archived })).toMatchObject({ stranded: true, skipped: [a, b] });
    expect(plan({ asked: [b, c], candidates: [a], archived }).stranded).toBe(false);
    expect(plan({ asked: [a, b], archived, receipts: [[b.state]] }).stranded).toBe(false);
    // The plan may bring exactly the missing state.
    const healed = plan({ asked: [a, b], archived: [stored(b, a)] });
    expect(healed).toMatchObject({ stranded: false, warnings: [], skipped: [b] });
    expect(healed.chain).toEqual(['a<']);
  });

  it('takes a newer snapshot if there is no older one', () => {
    expect(plan({ asked: [a], candidates: [c], archived: [stored(c)] }).chain).toEqual(['a<c']);
  });

  it('builds on a snapshot that an archive has a fingerprint of', () => {
    const facts = { asked: [b], candidates: [a] };
    expect(plan(facts).chain).toEqual(['b<']);
    const { chain, stranded } = plan({ ...facts, bases: [a.state] });
    expect([chain, stranded]).toEqual([['b<a'], false]);
    const after = plan({
      asked: [b, c],
      candidates: [a, b],
      bases: [a.state],
      archived: [stored(b, a)],
    });
    expect([after.chain, after.stranded]).toEqual([['c<b'], false]);
  });

  it('writes what each archive lacks, from a parent that all can restore', () => {
    const archives = [[stored(a), stored(b, a)], [stored(a)]].map((streams) => ({
      streams,
      destinations: [],
      bases: [],
    }));
    const facts = { asked: [b, c], candidates: [a, b], archives };
    const { steps, chain } = plan(facts);
    expect(chain).toEqual(['b<a', 'c<b']);
    expect(steps.map((step) => step.archives)).toEqual([[1], [0, 1]]);
    expect(plan({ ...facts, asked: [c] }).chain).toEqual(['c<a']);
    expect(plan({ ...facts, asked: [a] }).skipped).toEqual([a]);
  });
});
