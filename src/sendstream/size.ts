import { COMMAND_HEADER, type Command, type StreamVersion } from './commands.ts';

/**
 * How long a stream will be, from one made with `--no-data`: UPDATE_EXTENT commands stand there
 * for the WRITE commands to come. The kernel (fs/btrfs/send.c, send_extent_data and
 * max_send_read_size) cuts those at its buffer's size less 16 KiB. So the sum is exact, unless
 * extents will be sent compressed, which makes the stream shorter.
 */

/** File data in one WRITE command at most, bytes. */
const writeLimit = { 1: 48 * 1024, 2: 128 * 1024 } as const;

/** Type and length of an attribute; DATA in version 2 has no length. */
const ATTRIBUTE = 4;
const dataAttribute = { 1: 4, 2: 2 } as const;

/** Bytes that a command of a `--no-data` stream stands for. */
export function sizeWithData(command: Command, version: StreamVersion): number {
  if (command.type !== 'UPDATE_EXTENT') return command.bytes.length;
  const data = Number(command.size);
  const writes = Math.ceil(data / writeLimit[version]);
  const fixed = COMMAND_HEADER + ATTRIBUTE + command.path.length + ATTRIBUTE + 8;
  return writes * (fixed + dataAttribute[version]) + data;
}
