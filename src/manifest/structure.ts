/**
 * The structure of a JSON text. Finding it needs no parsing, which can take a hundred times the
 * memory of the text, and hides repeated members.
 */
export interface Structure {
  /** An upper bound of the number of values. */
  readonly values: number;
  /** Levels of nesting. */
  readonly depth: number;
  /** The first member that an object has twice. */
  readonly twice: string | undefined;
}

/** Examines a text, up to the point where it has too many values or levels. */
export function structureOf(json: Uint8Array, most: { values: number; depth: number }): Structure {
  const bytes = Buffer.from(json.buffer, json.byteOffset, json.byteLength);
  /** The members of the object at each level; empty for a list. */
  const members: Set<string>[] = [];
  let values = 1;
  let level = 0;
  let depth = 0;
  let twice: string | undefined;
  for (let at = 0; at < bytes.length && values <= most.values && depth <= most.depth; at++) {
    switch (bytes[at]) {
      case 0x22 /* " */:
        {
          const end = endOfString(bytes, at);
          if (isMember(bytes, end)) {
            const name = nameIn(bytes.toString('latin1', at, end + 1));
            const others = members[level];
            if (others?.has(name)) twice ??= name;
            others?.add(name);
          }
          at = end;
          break;
        }
      case 0x2c /* , */:
        values++;
        break;
      case 0x5b /* [ */:
      case 0x7b /* { */:
        values++;
        members[++level] = new Set();
        depth = Math.max(depth, level);
        break;
      case 0x5d /* ] */:
      case 0x7d /* } */:
        level--;
        break;
    }
  }
  return { values, depth, twice };
}

/**
 * Returns the offset of the closing quote of the string that begins at `start`, or the end of the
 * text.
 */
function endOfString(json: Uint8Array, start: number): number {
  let at = start + 1;
  while (at < json.length && json[at] !== 0x22 /* " */) at += json[at] === 0x5c /* \ */ ? 2 : 1;
  return at;
}

/** Reports whether the string that ends at `end` is the name of a member: a colon follows. */
function isMember(json: Uint8Array, end: number): boolean {
  let at = end + 1;
  while (isSpace(json[at])) at++;
  return json[at] === 0x3a /* : */;
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** Decodes a JSON string, one character for each byte, because a name has several spellings. */
function nameIn(string: string): string {
  if (!string.includes('\\')) return string.slice(1, -1);
  try {
    return Buffer.from(JSON.parse(Buffer.from(string, 'latin1').toString())).toString('latin1');
  } catch {
    return string;
  }
}
