/** A way in which two trees differ at one path. */
export type DifferenceKind =
  | 'missing'
  | 'extra'
  | 'type'
  | 'contents'
  | 'target'
  | 'device'
  | 'links'
  | 'mode'
  | 'owner'
  | 'mtime'
  | 'xattrs';

const OF_ATTRIBUTES: ReadonlySet<DifferenceKind> = new Set(['mode', 'owner', 'mtime', 'xattrs']);

/** Reports whether new attributes are all that a path needs to be equal. */
export function isOfAttributes(kinds: readonly DifferenceKind[]): boolean {
  return kinds.every((kind) => OF_ATTRIBUTES.has(kind));
}
