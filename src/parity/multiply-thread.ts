/**
 * A thread that multiplies columns of slices by factors, and adds them up. Its memory holds the sums
 * and one batch of inputs, all as separated words: see kernel.wat.
 */
import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { kernel } from '#kernel';
import { multiply } from './field.ts';

export interface Size {
  /** Number of sums. */
  readonly outputs: number;
  /** Bytes of a column, a multiple of 32. */
  readonly width: number;
  /** The most inputs of one batch. */
  readonly batch: number;
}

export type Order =
  | {
      readonly kind: 'add';
      /** Shared; each input begins at a multiple of the width. */
      readonly inputs: Uint8Array;
      /** For each input the factor of each sum. */
      readonly factors: readonly Uint16Array[];
    }
  /** Hand over a sum, and begin it anew. */
  | { readonly kind: 'take'; readonly output: number };

interface Kernel {
  readonly memory: WebAssembly.Memory;
  split(from: number, to: number, length: number): void;
  join(from: number, to: number, length: number): void;
  multiplyAdd(from: number, to: number, length: number, table: number): void;
}

const PAGE = 65536;
/** Bytes of a table: eight vectors. */
const TABLE = 128;
/** Bytes of a sum that stay in the fastest cache while a batch is added to it. */
const BLOCK = 4096;
/** The nice value of the thread, as that of the threads for frames. */
const NICE = 10;

function multiplier({ outputs, width, batch }: Size) {
  const module = new WebAssembly.Module(Buffer.from(kernel, 'base64'));
  const { memory, split, join, multiplyAdd } = new WebAssembly.Instance(module)
    .exports as unknown as Kernel;
  const [inputs, plain] = [outputs * width, (outputs + batch) * width];
  const tables = plain + width;
  memory.grow(Math.ceil((tables + batch * outputs * TABLE) / PAGE));
  const bytes = new Uint8Array(memory.buffer);

  return {
    add(from: Uint8Array, factors: readonly Uint16Array[]): void {
      for (const [at, own] of factors.entries()) {
        bytes.set(from.subarray(at * width, (at + 1) * width), plain);
        split(plain, inputs + at * width, width);
        for (let output = 0; output < outputs; output++) {
          fillTable(bytes, tables + (at * outputs + output) * TABLE, own[output] as number);
        }
      }
      for (let block = 0; block < width; block += BLOCK) {
        const length = Math.min(BLOCK, width - block);
        for (let output = 0; output < outputs; output++) {
          for (let at = 0; at < factors.length; at++) {
            if (factors[at]?.[output] === 0) continue;
            const table = tables + (at * outputs + output) * TABLE;
            multiplyAdd(inputs + at * width + block, output * width + block, length, table);
          }
        }
      }
    },
    take(output: number): Uint8Array<ArrayBuffer> {
      join(output * width, plain, width);
      bytes.fill(0, output * width, (output + 1) * width);
      return new Uint8Array(bytes.subarray(plain, plain + width));
    },
  };
}

function fillTable(bytes: Uint8Array, at: number, factor: number): void {
  for (let nibble = 0; nibble < 4; nibble++) {
    for (let value = 0; value < 16; value++) {
      const product = multiply(factor, value << (4 * nibble));
      bytes[at + 32 * nibble + value] = product & 0xff;
      bytes[at + 32 * nibble + 16 + value] = product >> 8;
    }
  }
}

if (parentPort !== null) {
  const port = parentPort;
  setPriority(NICE);
  const { add, take } = multiplier(workerData as Size);
  port.on('message', (order: Order) => {
    if (order.kind === 'add') {
      add(order.inputs, order.factors);
      return port.postMessage(undefined);
    }
    const sum = take(order.output);
    port.postMessage(sum, [sum.buffer]);
  });
}
