/** Longest name that is kept, characters: the UUIDs that follow it make it unique. */
const NAME_LIMIT = 100;

const RESERVED = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)/i;

/**
 * A name made safe for every filesystem: ASCII letters, digits and `._@+=-`, other
 * bytes as `_`; not reserved on FAT and exFAT; not hidden; bounded. The true name stands in the
 * manifest.
 */
export function portableName(name: Uint8Array): string {
  const safe = Buffer.from(name)
    .toString('latin1')
    .replace(/[^A-Za-z0-9._@+=-]/g, '_')
    .slice(0, NAME_LIMIT);
  return safe === '' || safe.startsWith('.') || safe.startsWith('-') || RESERVED.test(safe)
    ? `_${safe}`
    : safe;
}
