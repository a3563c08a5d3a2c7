import { PassThrough } from 'node:stream';
import type { Emit } from '../../src/events/event.ts';
import { noLedger } from '../../src/ledger/ledger.ts';
import type { Context } from '../../src/operations/operation.ts';

/** The surroundings of an operation in a test: no terminal, and nothing on stdin. */
export function contextWith(
  emit: Emit = () => {},
  signal: AbortSignal = new AbortController().signal,
): Context {
  const input = () => new PassThrough().end();
  return { emit, signal, input, output: () => new PassThrough(), ask: undefined, ledger: noLedger };
}
