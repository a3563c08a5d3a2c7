import { hash } from 'node:crypto';

/**
 * A sealed document: JSON whose last member is `"sha256"`, the SHA-256 of the file's own bytes
 * with those 64 digits replaced by zeros. A change of any byte of the file is found, also of
 * white space, and without canonical JSON.
 */

const ZEROS = '0'.repeat(64);
const SEAL = /"sha256": ?"([0-9a-f]{64})"\s*\}\s*$/;

/** Serialises `content` with its seal. The result is the file: UTF-8, newline at the end. */
export function seal(content: object): Uint8Array {
  const open = `${JSON.stringify({ ...content, sha256: ZEROS }, null, 2)}\n`;
  const at = open.lastIndexOf(ZEROS);
  return Buffer.from(open.slice(0, at) + digest(open) + open.slice(at + ZEROS.length));
}

/** True when `text` ends in a seal that fits it. */
export function sealHolds(text: string): boolean {
  const found = SEAL.exec(text)?.[1];
  if (found === undefined) return false;
  const at = text.lastIndexOf(found);
  return digest(text.slice(0, at) + ZEROS + text.slice(at + ZEROS.length)) === found;
}

function digest(text: string): string {
  return hash('sha256', text);
}
