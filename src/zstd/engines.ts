/** Which engines there are, what each can do, and which one this runtime should use. */
import { Failure } from '../failure/failure.ts';
import type { Engine, EngineName } from './engine.ts';
import { nodeZlibEngine, nodeZlibHasZstd } from './engine-node-zlib.ts';
import { zstdCodecEngine } from './engine-zstd-codec.ts';

/** Compression levels from 1 to this, and the largest window of a long frame, in bytes. */
export const engineLimits = {
  'node:zlib': { maxLevel: 19, maxWindow: 128 * 1024 * 1024 },
  // Its heap is fixed at 16 MiB: level 10 and windows above 8 MiB do not fit.
  'zstd-codec': { maxLevel: 9, maxWindow: 8 * 1024 * 1024 },
} as const satisfies Record<EngineName, { maxLevel: number; maxWindow: number }>;

/** Engines that this runtime can run, the best first. */
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

/** @throws Failure `usage` when the engine has no such level. */
export function checkLevel(level: number, engine: EngineName = defaultEngine()): void {
  const { maxLevel } = engineLimits[engine];
  if (Number.isInteger(level) && level >= 1 && level <= maxLevel) return;
  throw new Failure('usage', `no compression level ${level}: ${engine} has 1 to ${maxLevel}`, {
    ...(engine === 'zstd-codec' && level <= engineLimits['node:zlib'].maxLevel
      ? { hint: 'run with Node.js 22.15 or later for levels up to 19' }
      : {}),
  });
}
