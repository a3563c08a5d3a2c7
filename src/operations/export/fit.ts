import type { Warning } from '../../events/warning.ts';
import { Failure } from '../../failure/failure.ts';
import { mebibytes } from '../../names/size.ts';
import type { WritableStore } from '../../store/store.ts';
import type { Context } from '../operation.ts';
import type { SourceFacts } from './facts.ts';
import { measureStream, sendOptions } from './measure.ts';
import { sizeKey } from './parent.ts';
import type { ExportPlan, ExportStep } from './plan.ts';
import type { Protocol } from './protocol.ts';
import type { Target } from './targets.ts';

/** Bytes below which nothing fits. */
const LEAST_SPACE = 1024 * 1024;

/**
 * Warns before anything is written if the streams may not fit into an archive. Measures nothing if
 * all data of the source filesystems would fit.
 *
 * @returns the bytes of each stream that was measured
 * @throws {Failure} `no-space` if the only archive has no space at all
 */
export async function checkFit({
  plan,
  sizes,
  source,
  targets,
  protocol,
  context,
}: {
  plan: ExportPlan;
  sizes: ReadonlyMap<string, number>;
  source: SourceFacts;
  targets: readonly Target[];
  protocol: Protocol;
  context: Context;
}): Promise<Map<ExportStep, number>> {
  const measured = new Map<ExportStep, number>();
  const used = new Map(source.filesystems.map(({ uuid, usedBytes }) => [uuid, usedBytes]));
  const held = [...used.values()].reduce((sum, bytes) => sum + bytes, 0);
  for (const [index, { store }] of targets.entries()) {
    const steps = plan.steps.filter((step) => step.archives.includes(index));
    const free = await store.freeSpace();
    if (steps.length === 0 || free === undefined || free >= held) continue;
    if (free < LEAST_SPACE && targets.length === 1) throw noSpace(store, free);
    let needed = 0;
    for (const step of steps) {
      const { snapshot, parent, cloneSources } = step;
      const size =
        measured.get(step) ??
        sizes.get(sizeKey(snapshot, parent)) ??
        (await measureStream(
          sendOptions(snapshot, parent, cloneSources, protocol, context.signal),
        ));
      measured.set(step, size);
      needed += size;
    }
    if (needed > free) context.emit(mayNotFit(store, needed, free));
  }
  return measured;
}

function noSpace({ location }: WritableStore, free: number): Failure {
  return new Failure('no-space', `no space left at ${location}`, {
    hint: 'free some space there or use another drive; btrferry list shows unfinished exports, which take space',
    where: { archive: location, found: `${free} bytes free` },
  });
}

function mayNotFit(store: WritableStore, needed: number, free: number): Warning {
  return {
    type: 'warning',
    code: 'may-not-fit',
    message: `${store.location} has ${mebibytes(free)} free, and the streams have ${mebibytes(needed)} before compression`,
    hint: 'if it gets full, finished streams stay; free some space and run the same command again',
  };
}
