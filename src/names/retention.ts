/**
 * A reason why retention keeps a stream. Rules of a policy:
 * - `last`, `daily`, `weekly`, `monthly`, `yearly`: among the newest of these.
 * - `oldest`: the oldest of its source, while a rule of dates has not kept as many as it may.
 * - `within`: made within the time that the policy names.
 *
 * Reasons that no policy changes:
 * - `undated`: a rule cannot judge the snapshot, because its date is not known.
 * - `needed`: another stream that stays, or an unfinished or unusable one, needs it.
 * - `record`: its manifest shows that a stream that stays has what it needs.
 * - `twice`: the archive holds the same stream in another directory.
 * - `damaged`: a part of it is missing or has another length.
 * - `conflicting`: the archive has its UUID in another state.
 * - `unrestorable`: it needs a stream that the archive lacks.
 */
export type KeepReason =
  | 'last'
  | 'daily'
  | 'weekly'
  | 'monthly'
  | 'yearly'
  | 'oldest'
  | 'within'
  | 'undated'
  | 'needed'
  | 'record'
  | 'twice'
  | 'damaged'
  | 'conflicting'
  | 'unrestorable';
