/** The engines, what each can do, and which one this runtime uses. */
import { Failure } from '../failure/failure.ts';
import type { Engine, EngineName } from './engine.ts';
import { nodeZlibEngine, nodeZlibHasZstd } from './engine-node-zlib.ts';
import { zstdCodecEngine } from './engine-zstd-codec.ts';

/**
 * The highest compression level (the lowest is 1), and the largest window of a long frame in bytes.
 */
export const engineLimits = {
  'node:zlib': { maxLevel: 19, maxWindow: 128 * 1024 * 1024 },
  // Level 10 and windows above 8 MiB do not fit into its heap of 16 MiB.
  'zstd-codec': { maxLevel: 9, maxWindow: 8 * 1024 * 1024 },
} as const satisfies Record<EngineName, { maxLevel: number; maxWindow: number }>;

/** The engines that this runtime has, the best first. */
export function availableEngines(): EngineName[] {
  return nodeZlibHasZstd() ? ['node:zlib', 'zstd-codec'] : ['zstd-codec'];
}

export function defaultEngine(): EngineName {
  return nodeZlibHasZstd() ? 'node:zlib' : 'zstd-codec';
}

export async function loadEngine(name: EngineName): Promise<Engine> {
  switch (name) {
    case 'node:zlib':
      return nodeZlibEngine();
    case 'zstd-codec':
      return await zstdCodecEngine();
  }
}

/** @throws {Failure} `usage` if the engine does not have the level */
export function checkLevel(level: number, engine: EngineName = defaultEngine()): void {
  const { maxLevel } = engineLimits[engine];
  if (Number.isInteger(level) && level >= 1 && level <= maxLevel) return;
  throw new Failure('usage', `no compression level ${level}: ${engine} has 1 to ${maxLevel}`, {
    ...(engine === 'zstd-codec' && level <= engineLimits['node:zlib'].maxLevel
      ? { hint: 'run with Node.js 22.15 or later for levels up to 19' }
      : {}),
  });
}
