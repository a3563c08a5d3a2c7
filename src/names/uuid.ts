/** Length of a UUID, bytes. */
export const UUID_LENGTH = 16;

/** The text of the UUID at offset `at`: lower case, with dashes. */
export function formatUuid(bytes: Uint8Array, at = 0): string {
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset + at, UUID_LENGTH).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/**
 * The 16 bytes of a UUID's text, which has its dashes and may be in either case.
 *
 * @throws RangeError for any other text
 */
export function parseUuid(text: string): Uint8Array {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) {
    throw new RangeError(`not a UUID: ${text}`);
  }
  return Buffer.from(text.replaceAll('-', ''), 'hex');
}
