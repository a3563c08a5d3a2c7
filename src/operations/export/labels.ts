/** A label with the number of a medium. */
const NUMBERED = /^(.*\S) ([1-9]\d{0,5})$/;

/**
 * Returns a function that gives the label of the next medium: `name 1`, `name 2`, and so on, after those
 * that exist. Without a name, it continues the numbers of the labels that exist, if they have any.
 *
 * @param existing labels of media
 */
export function nextLabelOf(
  name: string | undefined,
  existing: readonly (string | null)[],
): string | undefined {
  const numbered = existing.flatMap((label) => {
    const [, base, number] = NUMBERED.exec(label ?? '') ?? [];
    return base === undefined ? [] : [{ base, number: Number(number) }];
  });
  const base = name ?? numbered.at(-1)?.base;
  if (base === undefined) return undefined;
  const last = Math.max(0, ...numbered.filter((one) => one.base === base).map((one) => one.number));
  return `${base} ${last + 1}`;
}
