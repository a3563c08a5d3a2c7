import { describe, expect, it } from 'vitest';
import type { Snapshot } from '../../../src/operations/export/snapshot.ts';
import { a, b, c, plan, snapshot, stored } from './snapshots.ts';

describe('clone sources', () => {
  it('exclude the parent and the snapshot itself', () => {
    const { steps } = plan({ asked: [a, b], cloneSources: [a, b], archived: [] });
    expect(steps.map((step) => step.cloneSources.map((s) => s.name))).toEqual([[], []]);
    const archived = [stored(a), stored(b)];
    const more = plan({ asked: [c], cloneSources: [a, b], candidates: [b], archived });
    expect(more.steps[0]).toMatchObject({ parent: b, cloneSources: [a] });
  });

  it('never let two streams clone from each other', () => {
    const other = snapshot('other', 25, { family: 'root' });
    const older = snapshot('older', 5, { family: 'root' });
    const archived = [stored(a), stored(older)];
    const { steps } = plan({
      asked: [other, b],
      cloneSources: [other, b],
      candidates: [a, older],
      archived,
    });
    expect(steps).toMatchObject([
      { snapshot: b, parent: a, cloneSources: [] },
      { snapshot: other, parent: older, cloneSources: [b] },
    ]);
  });

  it('are left out of a full stream, because btrfs send would make one the parent', () => {
    const archived = [stored(a), stored(b)];
    const { steps } = plan({ asked: [c], cloneSources: [a, b], parent: 'none', archived });
    expect(steps[0]).toMatchObject({ parent: null, cloneSources: [] });
    expect(steps[0]?.reason).toBe('full, as asked; clone sources only go with a parent');
  });

  it('are warned about if the archive cannot restore them, unless they are exported too', () => {
    const facts = { cloneSources: [b], candidates: [a], archived: [stored(a)] };
    const codes = (asked: Snapshot[]) => plan({ ...facts, asked }).warnings.map((w) => w.code);
    expect(codes([c])).toEqual(['parent-not-in-archive']);
    expect(codes([b, c])).toEqual([]);
  });
});
