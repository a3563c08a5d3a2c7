/**
 * zstd in WebAssembly, for a Node.js without its own. The instance has a fixed heap of 16 MiB, and
 * a failed allocation ends the instance, not the call. So the input and output vectors are
 * allocated once, at full size, before the heap is fragmented.
 */
import module, { type Binding } from 'zstd-codec/lib/module.js';
import { checksumOf } from './checksum.ts';
import { DecodeError, type Engine } from './engine.ts';
import { CHECKSUM_SIZE, MAX_STORED_SIZE, writeChecksum } from './frame.ts';

export async function zstdCodecEngine(): Promise<Engine> {
  const { binding } = await instantiate();
  const codec = new binding.ZstdCodec();
  const from = new binding.VectorU8();
  const to = new binding.VectorU8();
  from.resize(MAX_STORED_SIZE, 0);
  to.resize(MAX_STORED_SIZE, 0);

  const load = (input: Uint8Array) => {
    if (input.length > MAX_STORED_SIZE) throw new RangeError(`frame of ${input.length} bytes`);
    from.resize(input.length, 0);
    binding.toTypedArrayView(from).set(input);
  };

  return {
    name: 'zstd-codec',

    compress(input, output, level) {
      load(input);
      to.resize(MAX_STORED_SIZE, 0);
      const size = codec.compress(to, from, level);
      if (size < 1) throw new Error(`zstd-codec can't compress ${input.length} bytes: ${size}`);
      const whole = size + CHECKSUM_SIZE;
      if (whole > output.length) return undefined;
      output.set(binding.toTypedArrayView(to).subarray(0, size));
      // The module has no option for the checksum.
      writeChecksum(output.subarray(0, whole), checksumOf(input));
      return whole;
    },

    decompress(input, output) {
      load(input);
      to.resize(output.length, 0);
      const size = codec.decompress(to, from);
      if (size !== output.length) throw new DecodeError(`not decodable (${size})`);
      output.set(binding.toTypedArrayView(to));
    },

    async *decompressLong(input) {
      // The module never frees its contexts, so each long frame has an instance of its own.
      const own = await instantiate();
      const stream = new own.binding.ZstdDecompressStreamBinding();
      const output: Uint8Array[] = [];
      const take = (piece: Uint8Array) => output.push(new Uint8Array(piece));
      if (!stream.begin()) throw new Error('zstd-codec has no room to decompress');
      for await (const piece of input) {
        if (!stream.transform(piece, take)) throw new DecodeError('not decodable');
        yield* output.splice(0);
      }
      if (!stream.end(take)) throw new DecodeError('not decodable at its end');
      yield* output.splice(0);
    },
  };
}

function instantiate(): Promise<{ binding: Binding }> {
  return new Promise((resolve) => module.run((binding) => resolve({ binding })));
}
