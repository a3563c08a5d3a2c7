/** Characters of a name that are kept. The UUIDs that follow it make it unique. */
const NAME_LIMIT = 100;

const RESERVED = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)/i;

/**
 * Makes a name safe for every filesystem: keeps ASCII letters, digits and `._@+=-`, and replaces
 * each other byte by `_`. The result is not hidden, not reserved on FAT and exFAT, and has a
 * limited length. The manifest keeps the true name.
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
