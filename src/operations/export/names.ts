import type { StoredStream } from '../../archive/read/stored-stream.ts';
import { distinguished, type StreamName } from '../../names/title.ts';
import type { ExportPlan } from './plan.ts';
import type { Snapshot } from './snapshot.ts';

/** Gives the streams of snapshots the names that are told and recorded. */
export type NameOf = (snapshot: Snapshot) => StreamName;

/** Names for the snapshots of a plan, told apart from each other and from what archives have. */
export function namesOf({ steps, skipped }: ExportPlan, archived: readonly StoredStream[]): NameOf {
  const snapshots = new Set(skipped);
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
