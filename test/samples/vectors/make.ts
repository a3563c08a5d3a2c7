import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { documentVectors } from './documents.ts';
import { goodVectors } from './good.ts';
import { stateVectors } from './states.ts';
import { streamVectors } from './streams.ts';
import { good, type Vector } from './vector.ts';

/**
 * Makes samples/vectors anew, which is the same each time but for the one part that zstd compresses:
 *
 *     npm run vectors
 */
export async function main(): Promise<number> {
  const top = join(import.meta.dirname, '../../../samples/vectors');
  rmSync(top, { recursive: true, force: true });
  const all = [...goodVectors, ...stateVectors, ...documentVectors, ...streamVectors];
  for (const { name, make } of all) {
    mkdirSync(join(top, name), { recursive: true });
    await make(join(top, name));
  }
  const expected = Object.fromEntries(all.map((vector) => [vector.name, expectedOf(vector)]));
  if (Object.keys(expected).length !== all.length) throw new Error('two have the same name');
  writeFileSync(join(top, 'expected.json'), `${JSON.stringify(expected, null, 2)}\n`);
  return 0;
}

function expectedOf({ about, archive, header, streams, missing, conflicts }: Vector) {
  return {
    about,
    archive: archive ?? good,
    header: header ?? good,
    streams,
    missing: missing ?? [],
    conflicts: conflicts ?? [],
  };
}
