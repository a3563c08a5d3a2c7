import type { StoredStream } from '../../archive/read/stored-stream.ts';
import type { Warning } from '../../events/warning.ts';
import { Failure } from '../../failure/failure.ts';
import { bytesOf } from '../../names/byte-string.ts';
import { printable } from '../../names/printable.ts';
import { NAME_MAX, streamText } from '../../names/title.ts';
import { isTemporaryName } from './temporary.ts';

/** The names of received subvolumes. */

export interface ImportStep {
  readonly stream: StoredStream;
  /** Final name of the subvolume. */
  readonly as: Buffer;
}

/**
 * Gives each stream the name that the template makes, or its title without a template. Appends the
 * beginning of the UUID if the name is in use, if several streams get it, or if it is of the kind
 * that imports give to unfinished subvolumes.
 *
 * @throws {Failure} `usage` if the template is wrong or makes an impossible name
 */
export function receivedNames(
  order: readonly StoredStream[],
  taken: readonly Uint8Array[],
  template: string | undefined,
): { steps: ImportStep[]; warnings: Warning[] } {
  const nameOf = template === undefined ? title : filledIn(template);
  const wishes = order.map((stream) => ({ stream, wish: nameOf(stream) }));
  const shared = repeated(wishes.map(({ wish }) => key(wish)));
  const used = new Set(taken.map(key));
  const changed: Changed[] = [];
  const steps = wishes.map(({ stream, wish }) => {
    const alone = !shared.has(key(wish)) && (template !== undefined || !stream.called.ambiguous);
    const short = behind(wish, stream.uuid.slice(0, 8));
    const choices = [...(alone ? [wish] : []), short];
    const free = choices.find((name) => !used.has(key(name)) && !isTemporaryName(name));
    const as = free ?? behind(wish, stream.uuid);
    used.add(key(as));
    if (!as.equals(wish)) changed.push({ wish, as, alone });
    return { stream, as };
  });
  return { steps, warnings: changed.length === 0 ? [] : [namesWarning(changed, template)] };
}

function title({ called }: StoredStream): Buffer {
  return bytesOf(called.title);
}

const UNKNOWN = Buffer.from('unknown');

/** The placeholders of a template. Times are local, as `list` shows them. */
const PLACEHOLDERS: Readonly<Record<string, (stream: StoredStream) => Buffer>> = {
  name: ({ called }) => bytesOf(called.name),
  title,
  host: ({ manifest }) => {
    const { host } = manifest.source;
    return host === null ? UNKNOWN : bytesOf(host);
  },
  date: (stream) => moment(stream)?.subarray(0, 10) ?? UNKNOWN,
  time: (stream) => moment(stream)?.subarray(11, 19) ?? UNKNOWN,
  uuid: ({ uuid }) => Buffer.from(uuid),
  uuid8: ({ uuid }) => Buffer.from(uuid.slice(0, 8)),
};

/** The time at which the snapshot was made, local: `2026-11-01T10-00-01`. */
function moment({ manifest }: StoredStream): Buffer | undefined {
  const at = new Date(manifest.source.createdAt ?? Number.NaN);
  if (Number.isNaN(at.getTime())) return undefined;
  at.setMinutes(at.getMinutes() - at.getTimezoneOffset());
  return Buffer.from(at.toISOString().slice(0, 19).replaceAll(':', '-'));
}

/** Returns a function that fills in a template such as `{host}-{title}`. */
function filledIn(template: string): (stream: StoredStream) => Buffer {
  const known = Object.keys(PLACEHOLDERS).map((placeholder) => `{${placeholder}}`);
  const unknown = template.match(/\{[^{}]*\}/g)?.find((found) => !known.includes(found));
  if (unknown !== undefined) {
    throw new Failure('usage', `--name has no placeholder ${unknown}`, {
      hint: `it knows ${known.join(', ')}`,
      where: { found: unknown },
    });
  }
  const bytes = Buffer.from(template).toString('latin1');
  return (stream) => {
    const filled = bytes.replace(
      /\{([a-z0-9]+)\}/g,
      (all, placeholder: string) => PLACEHOLDERS[placeholder]?.(stream).toString('latin1') ?? all,
    );
    const name = Buffer.from(filled, 'latin1');
    const fault = faultOf(filled);
    if (fault === undefined) return name;
    const made = `--name ${template} makes "${printable(name)}" of ${streamText(stream.called)}`;
    throw new Failure('usage', `${made}, and ${fault}`, {
      hint: 'give another template',
      where: { uuid: stream.uuid, found: printable(name) },
    });
  };
}

function faultOf(name: string): string | undefined {
  if (name === '' || name === '.' || name === '..') return 'that is not a name';
  if (/[/\0]/.test(name)) return 'a name holds neither a slash nor a zero byte';
  return name.length > NAME_MAX ? `a name has at most ${NAME_MAX} bytes` : undefined;
}

function behind(name: Buffer, suffix: string): Buffer {
  const ending = Buffer.from(`.${suffix}`);
  return Buffer.concat([name.subarray(0, NAME_MAX - ending.length), ending]);
}

function key(name: Uint8Array): string {
  return Buffer.from(name).toString('latin1');
}

function repeated(keys: readonly string[]): Set<string> {
  const seen = new Set<string>();
  return new Set(keys.filter((each) => seen.size === seen.add(each).size));
}

/** A name that could not be given, and the one given in its place. */
interface Changed {
  readonly wish: Buffer;
  readonly as: Buffer;
  /** No other stream asked for the same name. */
  readonly alone: boolean;
}

/** Makes one warning for all changed names, because the plan lists each. */
function namesWarning(changed: readonly Changed[], template: string | undefined): Warning {
  const [{ wish, as, alone }] = changed as [Changed];
  const why = alone ? 'is taken at the destination' : 'fits several streams';
  const [from, to] = [printable(wish), printable(as)];
  const others = changed.length === 1 ? '' : `, and ${changed.length - 1} more in the same way`;
  return {
    type: 'warning',
    code: 'name-taken',
    message: `the name "${from}" ${why}: receiving as "${to}"${others}`,
    hint: `to give other names: --name '${template === undefined ? '{host}-{title}' : `${template}-{uuid8}`}'`,
  };
}
