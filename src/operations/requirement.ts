import type { ManifestRequirement } from '../manifest/schema.ts';
import type { NamedIdentity } from './event.ts';

/** What a stream needs, as events tell of it. */
export function identityOf({ uuid, ctransid, name }: ManifestRequirement): NamedIdentity {
  return { uuid, ctransid, ...(name === undefined ? {} : { name }) };
}
