import { isUtf8 } from 'node:buffer';

/**
 * Bytes of a name or path as JSON holds them: a string if the bytes are valid UTF-8, otherwise
 * their Base64. No byte is lost either way.
 */
export type ByteString = string | { base64: string };

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Encodes bytes for JSON. */
export function byteString(bytes: Uint8Array): ByteString {
  try {
    return strict.decode(bytes);
  } catch {
    return { base64: Buffer.from(bytes).toString('base64') };
  }
}

/** Decodes the bytes of a byte string into a new buffer. */
export function bytesOf(text: ByteString): Buffer {
  return typeof text === 'string' ? Buffer.from(text) : Buffer.from(text.base64, 'base64');
}

/** Reports whether Base64 encodes valid UTF-8, which a writer must store as a plain string. */
export function isMisencoded(base64: string): boolean {
  return isUtf8(Buffer.from(base64, 'base64'));
}
