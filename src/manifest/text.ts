import { isUtf8 } from 'node:buffer';

/**
 * Names and paths in JSON: a string where the bytes are valid UTF-8, else their Base64, so that
 * no byte is lost.
 */
export type Text = string | { base64: string };

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function textFromBytes(bytes: Uint8Array): Text {
  try {
    return strict.decode(bytes);
  } catch {
    return { base64: Buffer.from(bytes).toString('base64') };
  }
}

/** Whether bytes that are told in Base64 are UTF-8, and so were to be told as text. */
export function isSpelledOut(base64: string): boolean {
  return isUtf8(Buffer.from(base64, 'base64'));
}

export function bytesFromText(text: Text): Buffer {
  return typeof text === 'string' ? Buffer.from(text) : Buffer.from(text.base64, 'base64');
}
