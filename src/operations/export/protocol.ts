import { btrfsCapabilities } from '../../btrfs/version.ts';
import { Failure } from '../../failure/failure.ts';
import type { ExportOptions } from './options.ts';

export interface Protocol {
  readonly version: 1 | 2;
  readonly compressedData: boolean;
}

/**
 * Returns a function that chooses the protocol of send streams, given whether the source has
 * compressed data. Protocol 2 can send compressed extents as they are, but fewer machines receive it.
 *
 * @throws {Failure} `btrfs-progs` if this machine cannot do what was asked for
 */
export async function chooseProtocol(
  options: ExportOptions,
): Promise<(compressed: boolean) => Protocol> {
  const can = await btrfsCapabilities();
  if (options.protocol === 2 && can.protocol < 2) {
    throw new Failure('btrfs-progs', 'protocol 2 needs Linux 6.0 and btrfs-progs 6.0', {
      hint: 'use --proto 1, which every receiver understands',
      where: { found: `Linux ${can.kernel.text}, btrfs-progs ${can.btrfsProgs.text}` },
    });
  }
  if (options.protocol === 1) return () => ({ version: 1, compressedData: false });
  const both = { version: 2, compressedData: can.compressedData } as const;
  if (options.protocol === 2) return () => both;
  return (compressed) =>
    compressed && can.compressedData ? both : { version: 1, compressedData: false };
}
