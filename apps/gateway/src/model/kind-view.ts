import { type Folded, type ObjectKey, type Position, SortedMap } from '@weft/api';
import { ChangeRing, type ObjectChange } from './change-ring.ts';

/** Who holds the living objects of a kind. */
export interface Held {
  readonly size: number;
  get(key: ObjectKey): Folded | undefined;
  /** Of one namespace or of all, by namespace, then name, both bytewise. O(result) */
  list(namespace?: string): readonly Folded[];
}

/** Objects that the process's fold does not list: records of ledgers. */
export class OwnObjects implements Held {
  readonly #namespaces = new SortedMap<SortedMap<Folded>>();
  size = 0;

  get(key: ObjectKey): Folded | undefined {
    return this.#namespaces.get(key.namespace ?? '')?.get(key.name);
  }

  list(namespace?: string): readonly Folded[] {
    if (namespace !== undefined) return this.#namespaces.get(namespace)?.toArray() ?? [];
    return this.#namespaces.toArray().flatMap((objects) => objects.toArray());
  }

  put(folded: Folded): void {
    const namespace = folded.key.namespace ?? '';
    let objects = this.#namespaces.get(namespace);
    if (objects === undefined) {
      objects = new SortedMap();
      this.#namespaces.set(namespace, objects);
    }
    this.size -= objects.size;
    objects.set(folded.key.name, folded);
    this.size += objects.size;
  }

  take({ before, after }: ObjectChange): void {
    if (after !== undefined) this.put(after);
    else if (before !== undefined) this.#remove(before.key);
  }

  #remove(key: ObjectKey): void {
    const objects = this.#namespaces.get(key.namespace ?? '');
    if (objects === undefined) return;
    this.size -= objects.size;
    objects.delete(key.name);
    this.size += objects.size;
    if (objects.size === 0) this.#namespaces.delete(key.namespace ?? '');
  }
}

/** Live objects of one kind with its recent changes. */
export class KindView {
  readonly ring: ChangeRing;
  readonly #held: Held;
  readonly #listeners: ((change: ObjectChange, after: Position) => void)[] = [];
  /** Lists of namespaces as they were made last, until something changes there; `undefined`: of all. */
  readonly #lists = new Map<string | undefined, readonly Folded[]>();

  constructor(held: Held, ringCapacity: number, floor: Position) {
    this.#held = held;
    this.ring = new ChangeRing(ringCapacity, floor);
  }

  get size(): number {
    return this.#held.size;
  }

  get(key: ObjectKey): Folded | undefined {
    return this.#held.get(key);
  }

  /** Who holds the objects has taken the change. */
  apply(change: ObjectChange): void {
    this.#forgetLists(((change.after ?? change.before) as Folded).key.namespace ?? '');
    const after = this.ring.end;
    this.ring.push(change);
    for (const listener of this.#listeners) listener(change, after);
  }

  /** Objects by namespace, then name, both bytewise: the order of a list. O(n) after a change there: some ms for 100,000. */
  snapshot(namespace?: string): readonly Folded[] {
    const known = this.#lists.get(namespace);
    if (known !== undefined) return known;
    const objects = this.#held.list(namespace);
    if (objects.length > 0) this.#lists.set(namespace, objects); // None for the many names that are no namespace.
    return objects;
  }

  #forgetLists(namespace: string): void {
    this.#lists.delete(namespace);
    this.#lists.delete(undefined);
  }

  /** As `snapshot`, at an earlier position, by undoing what came after it; undefined when the ring does not reach back so far. */
  snapshotAt(position: Position, namespace?: string): readonly Folded[] | undefined {
    const from = this.ring.after(position);
    if (from === undefined) return undefined;
    const undone = new Map<string, Folded | undefined>();
    for (let number = from; number < this.ring.next; number += 1) {
      const { before, after } = this.ring.at(number) as ObjectChange;
      const { key } = (before ?? after) as Folded;
      if (namespace !== undefined && key.namespace !== namespace) continue;
      const place = placeOf(key);
      if (!undone.has(place)) undone.set(place, before);
    }
    const now = this.snapshot(namespace);
    if (undone.size === 0) return now;
    const objects = now.filter(({ key }) => !undone.has(placeOf(key)));
    const back = [...undone.values()].filter((before) => before !== undefined).sort((a, b) => compareKeys(a.key, b.key));
    return merged(objects, back);
  }

  /** Calls `listener` for each change, with the position of the one before it. */
  follow(listener: (change: ObjectChange, after: Position) => void): void {
    this.#listeners.push(listener);
  }
}

/** Two lists in order as one. */
function merged(left: readonly Folded[], right: readonly Folded[]): readonly Folded[] {
  const all: Folded[] = [];
  let at = 0;
  for (const each of right) {
    while (at < left.length && compareKeys((left[at] as Folded).key, each.key) < 0) all.push(left[at++] as Folded);
    all.push(each);
  }
  while (at < left.length) all.push(left[at++] as Folded);
  return all;
}

/** Where an object stands in a list: namespace and name. */
export function placeOf({ namespace, name }: ObjectKey): string {
  return `${namespace ?? ''}/${name}`;
}

/** By namespace, then name. Both are ASCII, so comparing texts compares bytes. */
export function compareKeys(a: ObjectKey, b: ObjectKey): number {
  const [left, right] = a.namespace === b.namespace ? [a.name, b.name] : [a.namespace ?? '', b.namespace ?? ''];
  return left < right ? -1 : left > right ? 1 : 0;
}
