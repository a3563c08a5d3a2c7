import { exit } from '../failure/failure.ts';
import type { Result } from '../operations/event.ts';
import { count, duration, size } from './figures.ts';

/** What a command did, in one line; empty where what it printed says it all. */
export function summaryText(result: Result): string {
  if (result.summary !== '' || result.failure !== undefined) return result.summary;
  switch (result.command) {
    case 'export':
      return transferText(result, 'export', 'exported', 'snapshot');
    case 'import':
      return transferText(result, 'receive', 'received', 'stream');
    case 'verify':
      return verifyText(result);
    default:
      return '';
  }
}

function verifyText(result: Result): string {
  const { done = 0, refused = 0, streams = 0, restorable = 0, stored = 0, seconds = 0 } = result;
  const said = [
    streams === 0
      ? 'no streams'
      : `${count(done, 'stream')} good, ${size(stored)} read in ${duration(seconds)}`,
  ];
  if (refused > 0) said.push(`${refused} ${result.exit === exit.unable ? 'too new' : 'damaged'}`);
  else if (result.exit === exit.missing) said.push('some lack a parent');
  if (restorable < streams) {
    const some = restorable === 0 ? 'none' : restorable;
    said.push(`${some} of ${streams} can be restored from these archives alone`);
  }
  return said.join('; ');
}

function transferText(result: Result, doing: string, done: string, what: string): string {
  const { done: number = 0, skipped = 0, refused = 0, bytes = 0, stored = 0, seconds = 0 } = result;
  const rest: string[] = [];
  if (skipped > 0) rest.push(`${skipped} there already`);
  if (refused > 0)
    rest.push(doing === 'export' ? `${count(refused, 'archive')} given up` : `${refused} refused`);
  const others = rest.length === 0 ? '' : `; ${rest.join(', ')}`;
  if (result.dryRun === true) return `nothing was ${done}: this was a dry run${others}`;
  if (number === 0) return `nothing ${refused > 0 ? done : `to ${doing}`}${others}`;
  const way = doing === 'export' ? 'as' : 'from';
  const amounts = `${size(bytes)} ${way} ${size(stored)} in ${duration(seconds)}`;
  return `${done} ${count(number, what)}, ${amounts}${others}`;
}
