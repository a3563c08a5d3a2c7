/** Every member of a document, as the names and indices that lead to it. */
export function membersOf(value: unknown, way: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [way];
  const below = Object.entries(value).flatMap(([name, inner]) => membersOf(inner, [...way, name]));
  return way.length === 0 ? below : [way, ...below];
}

/** The document with the value at `way` replaced, or taken away, and sealed again. */
export function edited(
  document: object,
  [name = '', ...way]: readonly string[],
  value: unknown,
): object {
  const copy: Record<string, unknown> | unknown[] = Array.isArray(document)
    ? [...document]
    : { ...document };
  const member = name as keyof typeof copy;
  if (way.length > 0) copy[member] = edited(copy[member] as object, way, value) as never;
  else if (value === undefined && Array.isArray(copy)) copy.splice(Number(name), 1);
  else if (value === undefined) delete copy[member];
  else copy[member] = value as never;
  return copy;
}
