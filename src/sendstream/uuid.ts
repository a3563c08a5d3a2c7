/** The text of a UUID's 16 bytes: lower case, with dashes. `at`: offset of the first of them. */
export function formatUuid(bytes: Uint8Array, at = 0): string {
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset + at, 16).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** The 16 bytes of a UUID's text, dashes in place, in either case. Throws a RangeError for other text. */
export function parseUuid(text: string): Uint8Array {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) {
    throw new RangeError(`not a UUID: ${text}`);
  }
  return Buffer.from(text.replaceAll('-', ''), 'hex');
}
