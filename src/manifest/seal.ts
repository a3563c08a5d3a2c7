import { createHash } from 'node:crypto';

/**
 * A sealed document: JSON whose last member is `"sha256"`, the SHA-256 of the file's own bytes
 * with those 64 digits replaced by zeros. A change of any byte of the file is found, also of
 * white space, and without canonical JSON.
 */

const ZEROS = Buffer.alloc(64, '0');
const MEMBER = '"sha256"';
const SEAL = /^"sha256": ?"([0-9a-f]{64})"[ \t\r\n]*\}[ \t\r\n]*$/;

/** Serialises `content` with its seal. The result is the file: UTF-8, newline at the end. */
export function seal(content: object): Uint8Array {
  const sealed = { ...content, sha256: ZEROS.toString() };
  const bytes = Buffer.from(`${JSON.stringify(sealed, null, 2)}\n`);
  const at = bytes.lastIndexOf(ZEROS);
  bytes.write(digest(bytes, at), at);
  return bytes;
}

/** Whether a document has its seal at its end, and whether that fits it. */
export function sealOf(document: Uint8Array): 'holds' | 'broken' | 'missing' {
  const bytes = Buffer.from(document.buffer, document.byteOffset, document.byteLength);
  const at = bytes.lastIndexOf(MEMBER);
  const found = at < 0 ? undefined : SEAL.exec(bytes.toString('latin1', at))?.[1];
  if (found === undefined) return 'missing';
  return digest(bytes, bytes.indexOf(found, at)) === found ? 'holds' : 'broken';
}

/** SHA-256 of all bytes, with zeros for the 64 digits at `at`. */
function digest(bytes: Uint8Array, at: number): string {
  return createHash('sha256')
    .update(bytes.subarray(0, at))
    .update(ZEROS)
    .update(bytes.subarray(at + ZEROS.length))
    .digest('hex');
}
