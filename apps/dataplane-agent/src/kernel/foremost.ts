import { partsOfEntryKey, TABLE_SECTIONS } from '@weft/fabric';

/** Those first from which others follow: without its device a router has no peers, and without peers no routes. `way`: what leads packets, of a feature. */
const KINDS = ['guard', 'router', 'entry', 'port', 'way', 'peer', 'route'] as const;

/** So many of them, as keys of kernel objects: at least one of each kind as far as there is room, causes before what follows from them. O(all). */
export function foremost<T>(all: Iterable<T>, keyOf: (each: T) => string, max: number): readonly T[] {
  const groups = new Map<string, T[]>(KINDS.map((kind) => [kind, []]));
  for (const each of all) {
    const group = groups.get(kindOf(keyOf(each)));
    if (group !== undefined && group.length < max) group.push(each);
  }
  const taken = [...groups.values()].map((group) => ({ group, count: 0 }));
  for (let [left, round] = [max, 1]; left > 0 && round <= max; round++) {
    for (const each of taken) {
      if (left === 0 || each.group.length < round) continue;
      each.count = round;
      left--;
    }
  }
  return taken.flatMap(({ group, count }) => group.slice(0, count));
}

function kindOf(key: string): string {
  const section = partsOfEntryKey(key)?.section;
  if (section !== undefined) return TABLE_SECTIONS.some(({ name }) => name === section) ? 'way' : 'entry';
  return key.split('/', 1)[0] ?? '';
}
