import type { CommandInspected } from '../../events/inspect.ts';
import { printable } from '../../names/printable.ts';
import type { Timespec } from '../../sendstream/attributes.ts';
import { type Command, layouts } from '../../sendstream/commands.ts';

/**
 * Describes a command as an event. Paths and names of xattrs are printable text. Times are ISO 8601
 * with nanoseconds. Data and values of xattrs are their lengths in bytes. ctransids are text, and so
 * are other numbers above 2^53 - 1.
 */
export function commandEvent(command: Command): CommandInspected {
  const values = command as unknown as Readonly<Record<string, unknown>>;
  const attributes: Record<string, string | number> = {};
  for (const { field, kind } of layouts[command.type].slots) {
    const value = values[field];
    if (value === undefined) continue;
    if (kind === 'u64') attributes[field] = numberOrText(field, value as bigint);
    else if (kind === 'timespec') attributes[field] = timeText(value as Timespec);
    else if (kind === 'path' || field === 'xattrName') {
      attributes[field] = printable(value as Uint8Array);
    } else if (kind === 'bytes') attributes[field] = (value as Uint8Array).length;
    else attributes[field] = value as string | number;
  }
  return { type: 'command', offset: command.offset, command: command.type, attributes };
}

function numberOrText(field: string, value: bigint): string | number {
  const isText = field === 'ctransid' || field === 'cloneCtransid';
  return isText || value > BigInt(Number.MAX_SAFE_INTEGER) ? String(value) : Number(value);
}

/** A time beyond the range of Date stays in seconds. */
function timeText({ sec, nsec }: Timespec): string {
  const fraction = String(nsec).padStart(9, '0');
  const date = new Date(Number(sec) * 1000);
  if (Number.isNaN(date.getTime())) return `${sec}.${fraction}`;
  return date.toISOString().replace('.000Z', `.${fraction}Z`);
}
