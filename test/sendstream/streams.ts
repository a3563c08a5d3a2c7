import fc from 'fast-check';
import { attributes, type Field, type Kind } from '../../src/sendstream/attributes.ts';
import {
  type Command,
  type CommandBody,
  type CommandName,
  commands,
  type StreamVersion,
} from '../../src/sendstream/commands.ts';
import { StreamReader } from '../../src/sendstream/reader.ts';
import { encodeCommand, encodeHeader } from '../../src/sendstream/writer.ts';

/** Streams made for tests, and one way to read them all. */

export const own = 'b0161b76-a3b6-9843-9f8f-2f0ff33be621';
export const other = 'a18268f6-121e-ad4d-8be5-776111552629';

export const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));

export const subvol: CommandBody = { type: 'SUBVOL', path: bytes('s'), uuid: own, ctransid: 7n };
export const end: CommandBody = { type: 'END' };

export function concat(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

export function streamOf(version: StreamVersion, bodies: readonly CommandBody[]): Uint8Array {
  const commands = bodies.map((body) => encodeCommand(body, version));
  return new Uint8Array(Buffer.concat([encodeHeader(version), ...commands]));
}

/** A stream of these between SUBVOL and END. */
export function around(...bodies: CommandBody[]): Uint8Array {
  return streamOf(2, [subvol, ...bodies, end]);
}

/** Reads a stream that comes in these pieces, to its end. */
export function read(
  pieces: readonly Uint8Array[],
  options: { checkPaths?: boolean } = {},
): { reader: StreamReader; commands: Command[]; completed: Uint8Array } {
  const reader = new StreamReader(options);
  const found: Command[] = [];
  const completed: Uint8Array[] = [];
  for (const piece of pieces) {
    for (const command of reader.push(piece)) found.push(command);
    completed.push(...reader.completed());
  }
  reader.finish();
  return { reader, commands: found, completed: concat(...completed) };
}

/** A command without its place in the stream. */
export function bodyOf(command: Command): CommandBody {
  const { offset: _offset, bytes: _bytes, ...body } = command;
  return body;
}

const blob = (max: number) => fc.uint8Array({ maxLength: max });
const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const u32 = fc.nat({ max: 0xffffffff });
const name = fc
  .uint8Array({ minLength: 1, maxLength: 12 })
  .map((raw) => raw.map((byte) => (byte === 0 || byte === 0x2f || byte === 0x2e ? 0x61 : byte)));

/** A path that the policy takes. */
const path = fc
  .array(name, { minLength: 1, maxLength: 4 })
  .map((names) => concat(...names.flatMap((one, i) => (i === 0 ? [one] : [bytes('/'), one]))));

const byKind: { [K in Kind]: fc.Arbitrary<unknown> } = {
  u64,
  u32,
  uuid: fc.uuid(),
  timespec: fc.record({ sec: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), nsec: u32 }),
  path,
  bytes: blob(300),
};

function bodyArbitrary(type: CommandName): fc.Arbitrary<CommandBody> {
  const values: Record<string, fc.Arbitrary<unknown>> = {};
  const required: string[] = [];
  for (const carried of commands[type].carries) {
    const field = carried.replace('?', '') as Field;
    values[field] = field === 'xattrName' ? name : byKind[attributes[field].kind];
    if (field === carried) required.push(field);
  }
  const rest = fc.record(values, { requiredKeys: required, noNullPrototype: true });
  return rest.map((fields) => ({ type, ...(fields as object) }) as CommandBody);
}

const time = { sec: 1_700_000_000n, nsec: 123_456_789 };
const times = { atime: time, mtime: time, ctime: time };

const types = Object.keys(commands) as CommandName[];

/** Commands that make a stream of a version: one to open it, then any, then END. */
export function bodies(version: StreamVersion): fc.Arbitrary<CommandBody[]> {
  const opening = fc
    .record({ type: fc.constantFrom('SUBVOL' as const, 'SNAPSHOT' as const), name })
    .chain((first) => bodyArbitrary(first.type).map((body) => ({ ...body, path: first.name })));
  const inner = types.filter(
    (type) => !['SUBVOL', 'SNAPSHOT', 'END'].includes(type) && commands[type].since <= version,
  );
  return fc
    .tuple(opening, fc.array(fc.oneof(...inner.map(bodyArbitrary)), { maxLength: 20 }))
    .map(([first, more]) => [first as CommandBody, ...more, end]);
}

/** One of every kind of command of a version, with times that a calendar has. */
export function oneOfEach(version: StreamVersion): CommandBody[] {
  const inner = types.filter(
    (type) => !['SUBVOL', 'SNAPSHOT', 'END'].includes(type) && commands[type].since <= version,
  );
  return [
    subvol,
    ...inner
      .flatMap((type) => fc.sample(bodyArbitrary(type), { numRuns: 1, seed: 4 }))
      .map((body) => ({ ...body, ...(body.type === 'UTIMES' && times) })),
    end,
  ];
}

/** A stream cut at random places. */
export function cut(stream: Uint8Array, places: readonly number[]): Uint8Array[] {
  const at = [0, ...places.map((place) => place % (stream.length + 1)), stream.length];
  at.sort((a, b) => a - b);
  return at.slice(1).map((to, i) => stream.subarray(at[i], to));
}

export function byteByByte(stream: Uint8Array): Uint8Array[] {
  return Array.from(stream, (byte) => Uint8Array.of(byte));
}
