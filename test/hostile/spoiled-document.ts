import { seal } from '../../src/manifest/seal.ts';
import { edited, membersOf } from './editing.ts';
import type { Mutation } from './mutation.ts';

/** Values that are not what they should be. */
const wrong: readonly unknown[] = [
  ...[undefined, null, true, 0, 1, -1, 0.5, 2 ** 53, 1e300, '', 'x', '7', '../x', '\0', [], {}],
  ...[[[]], { '': {} }, { base64: 'eA==' }, { base64: '?' }, 'x'.repeat(5000), new Array(10_001)],
];

/** Puts wrong values into a document, or others of its own, and seals it. */
export function spoilDocument(seed: Uint8Array, mutations: readonly Mutation[]): Uint8Array {
  const { sha256: _seal, ...content } = JSON.parse(Buffer.from(seed).toString());
  let spoiled: object = content;
  for (const { at, value } of mutations) {
    const members = membersOf(spoiled);
    const way = members[at % members.length];
    const other = members[value % members.length]?.reduce<unknown>(
      (inner, name) => (inner as Record<string, unknown>)[name],
      spoiled,
    );
    const all = [...wrong, other];
    if (way !== undefined) spoiled = edited(spoiled, way, all[(at ^ value) % all.length]);
  }
  return seal(spoiled);
}
