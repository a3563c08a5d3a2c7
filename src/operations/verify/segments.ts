import type { DamagedStream } from '../../archive/read/catalog.ts';
import { checkStored, checkSums } from '../../archive/read/integrity.ts';
import { placeIn } from '../../archive/read/source.ts';
import { failureOfFile } from '../../failure/failure.ts';

/**
 * Reads the parts of a stream that continues on a medium that is not here. Returns their damage in
 * place of what is missing, because that medium cannot mend it.
 */
export async function checkSegment(
  found: DamagedStream,
  signal: AbortSignal,
): Promise<DamagedStream> {
  const { source, segment } = found.fragment ?? {};
  if (source === undefined || segment === undefined) return found;
  const stored = { source, uuid: segment.identity.uuid, manifest: segment };
  const failures = await checkStored(stored);
  const damage = failures.find(({ code }) => code !== 'medium-missing');
  if (damage !== undefined) return { ...found, failure: damage };
  const absent = new Set(failures.map(({ where }) => where.file));
  for (const part of segment.parts) {
    if (absent.has(placeIn(source, part.file).file)) continue;
    try {
      await checkSums(stored, part, () => signal.throwIfAborted());
    } catch (error) {
      return { ...found, failure: failureOfFile(error) };
    }
  }
  return found;
}
