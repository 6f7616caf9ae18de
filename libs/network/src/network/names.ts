/** A message names at most so many objects. */
export const NAMED_MAX = 5;

/** The first of these names as text, and whether there are others; undefined when there are none. It takes one name more than it shows. */
export function firstNames(names: Iterable<string>, separator = ', '): string | undefined {
  const found: string[] = [];
  for (const name of names) {
    if (found.length === NAMED_MAX) return `${found.join(separator)} and others`;
    found.push(name);
  }
  return found.length === 0 ? undefined : found.join(separator);
}
