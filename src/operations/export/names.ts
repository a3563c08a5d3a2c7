import type { StoredStream } from '../../archive/read/stored-stream.ts';
import { distinguished, type StreamName } from '../../names/title.ts';
import type { ExportPlan } from './plan.ts';
import type { Snapshot } from './snapshot.ts';

/** Gives the names under which streams of snapshots are printed and recorded. */
export type NameOf = (snapshot: Snapshot) => StreamName;

/** Names the snapshots of a plan. Marks names that others of the plan or the archives share. */
export function namesOf(
  { steps, skipped, received, removed }: ExportPlan,
  archived: readonly StoredStream[],
): NameOf {
  const snapshots = new Set([...skipped, ...received, ...removed]);
  for (const { snapshot, parent, cloneSources } of steps) {
    for (const each of [snapshot, ...cloneSources, ...(parent === null ? [] : [parent])]) {
      snapshots.add(each);
    }
  }
  const mark = distinguished([...Array.from(snapshots, nameOf), ...archived.map((s) => s.called)]);
  return (snapshot) => mark(nameOf(snapshot));
}

function nameOf({ name, title, state }: Snapshot): StreamName {
  return { name, title, uuid: state.uuid };
}
