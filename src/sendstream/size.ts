import { COMMAND_HEADER, type Command, type StreamVersion } from './commands.ts';

/**
 * Computes the length of a stream from one made with `--no-data`, which has UPDATE_EXTENT commands
 * in place of WRITE commands. The kernel (send_extent_data and max_send_read_size in
 * fs/btrfs/send.c) splits data at the size of its buffer less 16 KiB, so the sum is exact. Extents
 * that are sent compressed make the real stream shorter.
 */

/** The most file data in one WRITE command, bytes. */
const writeLimit = { 1: 48 * 1024, 2: 128 * 1024 } as const;

/** Bytes of the type and length of an attribute. DATA in version 2 has no length. */
const ATTRIBUTE = 4;
const dataAttribute = { 1: 4, 2: 2 } as const;

/** Returns the bytes that a command of a `--no-data` stream stands for. */
export function sizeWithData(command: Command, version: StreamVersion): number {
  if (command.type !== 'UPDATE_EXTENT') return command.bytes.length;
  const data = Number(command.size);
  const writes = Math.ceil(data / writeLimit[version]);
  const fixed = COMMAND_HEADER + ATTRIBUTE + command.path.length + ATTRIBUTE + 8;
  return writes * (fixed + dataAttribute[version]) + data;
}
