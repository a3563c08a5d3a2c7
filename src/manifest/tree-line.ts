import { isTreeLine } from '#validators';
import { isMisencoded } from '../names/byte-string.ts';
import type { TreeLine } from './schema.ts';

/** Parses a line of a fingerprint. Returns the reason as text if it is not valid. */
export function parseTreeLine(line: string): TreeLine | string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return 'it is not JSON';
  }
  if (!isTreeLine(value)) {
    const [first] = isTreeLine.errors ?? [];
    return `${first?.instancePath || 'it'} ${first?.message ?? 'is not valid'}`;
  }
  const misspelt = [value.path, value.target, value.first].some(
    (text) => typeof text === 'object' && isMisencoded(text.base64),
  );
  return misspelt ? 'text in Base64 that is valid UTF-8' : value;
}
