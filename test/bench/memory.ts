import { join } from 'node:path';
import type { Circumstances } from './comparison.ts';
import { writeLarge } from './content.ts';
import { btrferry } from './machine.ts';
import { type Command, measure } from './measure.ts';
import { imageSize, run, type Scene } from './scene.ts';

/** Bytes of data in the small stream. */
const SMALL = 40 * 2 ** 20;

/** Peak memory of the processes of each command over one stream, bytes. */
export interface MemoryUse {
  readonly node: string;
  /** Bytes of data in the stream. */
  readonly data: number;
  readonly export: number;
  readonly import: number;
  readonly verify: number;
}

/** Carries a small and a large stream over, and looks how much memory that takes. */
export async function measureMemory(
  scene: Scene,
  large: number,
  { runtimes, signal, say }: Circumstances,
): Promise<MemoryUse[]> {
  const files = join(scene.directory, 'memory');
  const [source, into] = [scene.at('memory'), scene.at('destination')];
  const uses: MemoryUse[] = [];
  for (const data of [SMALL, large]) {
    scene.btrfs('memory', imageSize(data));
    run('btrfs', '-q', 'subvolume', 'create', join(source, 'data'));
    await writeLarge(join(source, 'data', 'file'), data, signal);
    const snapshot = join(source, 'snapshot');
    run('btrfs', '-q', 'subvolume', 'snapshot', '-r', join(source, 'data'), snapshot);
    for (const runtime of runtimes) {
      const peak = async (name: string, command: Command) => {
        const { memory } = await measure(command, signal);
        const MiB = Math.round(memory / 2 ** 20);
        say(`memory of ${name}, ${data / 2 ** 20} MiB: node ${runtime.version} ${MiB} MiB`);
        return memory;
      };
      run('rm', '-rf', files);
      scene.btrfs('destination', imageSize(data));
      uses.push({
        node: runtime.version,
        data,
        export: await peak(
          'export',
          btrferry(runtime, 'export', snapshot, '--create', '--to', files),
        ),
        import: await peak('import', btrferry(runtime, 'import', files, '--into', into)),
        verify: await peak('verify', btrferry(runtime, 'verify', files)),
      });
    }
  }
  return uses;
}
