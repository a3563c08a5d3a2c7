import { createHash } from 'node:crypto';

/**
 * A sealed document is JSON whose last member is `"sha256"`: the SHA-256 of the file with these 64
 * digits replaced by zeros. It detects a change of any byte, even of white space, without canonical
 * JSON.
 */

const ZEROS = Buffer.alloc(64, '0');
const MEMBER = '"sha256"';
const SEAL = /^"sha256": ?"([0-9a-f]{64})"[ \t\r\n]*\}[ \t\r\n]*$/;

/** Serialises `content` with its seal. Returns the file: UTF-8 with a newline at its end. */
export function seal(content: object): Uint8Array {
  const sealed = { ...content, sha256: ZEROS.toString() };
  const bytes = Buffer.from(`${JSON.stringify(sealed, null, 2)}\n`);
  const at = bytes.lastIndexOf(ZEROS);
  bytes.write(digest(bytes, at), at);
  return bytes;
}

/** Reports whether a document has a seal at its end, and whether it is right. */
export function sealOf(document: Uint8Array): 'holds' | 'broken' | 'missing' {
  const bytes = Buffer.from(document.buffer, document.byteOffset, document.byteLength);
  const at = bytes.lastIndexOf(MEMBER);
  const found = at < 0 ? undefined : SEAL.exec(bytes.toString('latin1', at))?.[1];
  if (found === undefined) return 'missing';
  return digest(bytes, bytes.indexOf(found, at)) === found ? 'holds' : 'broken';
}

/** The SHA-256 of all bytes, with zeros for the 64 digits at `at`. */
function digest(bytes: Uint8Array, at: number): string {
  return createHash('sha256')
    .update(bytes.subarray(0, at))
    .update(ZEROS)
    .update(bytes.subarray(at + ZEROS.length))
    .digest('hex');
}
