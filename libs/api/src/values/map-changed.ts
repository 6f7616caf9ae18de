/** As `map`, but gives back the list itself when no element changed, so that defaults cost nothing where there is nothing to fill in. */
export function mapChanged<T>(list: readonly T[], change: (each: T, index: number) => T): readonly T[] {
  let changed: T[] | undefined;
  for (let i = 0; i < list.length; i++) {
    const before = list[i] as T;
    const after = change(before, i);
    if (after === before) continue;
    changed ??= list.slice();
    changed[i] = after;
  }
  return changed ?? list;
}
