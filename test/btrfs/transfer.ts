import { execFileSync } from 'node:child_process';
import { appendFileSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { receiverInto } from '../../src/btrfs/receive.ts';
import { type Sending, type SendOptions, send } from '../../src/btrfs/send.ts';
import { showSubvolume } from '../../src/btrfs/subvolume.ts';
import type { Btrfs } from '../filesystem.ts';

export async function sent(options: Omit<SendOptions, 'protocol'> & { protocol?: 1 | 2 }) {
  const sending = await send({ protocol: 1, ...options });
  const stream = await readAll(sending);
  await sending.done;
  return stream;
}

export async function readAll({ fill }: Sending): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (;;) {
    const piece = shared(100_000);
    const length = await fill(piece);
    pieces.push(Buffer.from(piece.subarray(0, length)));
    if (length < piece.length) return Buffer.concat(pieces);
  }
}

export function shared(length: number) {
  return new Uint8Array(new SharedArrayBuffer(length));
}

export function receive(options: { into: string | Buffer; signal?: AbortSignal }) {
  const receiver = receiverInto(options.into);
  onTestFinished(receiver.close);
  return receiver.receive(options.signal);
}

export async function received(into: string | Buffer, stream: Uint8Array) {
  const receiver = receiverInto(into);
  try {
    const receiving = await receiver.receive();
    for (let at = 0; at < stream.length; at += 100_000) {
      await receiving.write(stream.subarray(at, at + 100_000));
    }
    return await receiving.end();
  } finally {
    receiver.close();
  }
}

/** A chain of three snapshots: files, links, nodes, a clone within, a clone across. */
export function chain(fs: Btrfs): string[] {
  const origin = fs.subvolume('origin');
  const at = (name: string) => path.join(origin, name);
  mkdirSync(at('dir'));
  writeFileSync(at('dir/large'), Buffer.alloc(3_000_000, 'large'));
  writeFileSync(at('dir/na\nme\x01 ü'), 'odd');
  symlinkSync('dir/large', at('link'));
  execFileSync('mknod', [at('null'), 'c', '1', '3']);
  execFileSync('mkfifo', [at('fifo')]);
  execFileSync('ln', [at('dir/large'), at('hard')]);
  execFileSync('setfattr', ['-n', 'user.a', '-v', 'b', at('dir')]);
  const first = fs.snapshot('origin', 'first');
  copyFileSync(at('dir/large'), at('copy'));
  execFileSync('cp', ['--reflink=always', at('dir/large'), at('clone')]);
  const second = fs.snapshot('origin', 'second');
  appendFileSync(at('clone'), 'more');
  return [first, second, fs.snapshot('origin', 'third')];
}

/** The identity that a stream of a snapshot would announce. */
export async function announcedBy(
  snapshot: string | Buffer,
): Promise<{ uuid: string; ctransid: bigint }> {
  const { uuid, receivedUuid, ctransid } = await showSubvolume(snapshot);
  return { uuid: receivedUuid ?? uuid, ctransid };
}
