/** An inventory that also knows which entries might overlap, so that one more of a large section is compared with few. */
import { type EntryObject, isBucketed, type KernelObject, keyOf } from '@weft/fabric';
import { Inventory } from './inventory.ts';

type Group = Map<string, EntryObject>;

export class GroupedInventory extends Inventory {
  /** Scope and section -> first part of the key, '' where it is a range -> key of the object -> the entry. */
  readonly #groups = new Map<string, Map<string, Group>>();

  override put(object: KernelObject): void {
    super.put(object);
    if (isGrouped(object)) this.#groupOf(object).set(keyOf(object), object);
  }

  override drop(key: string): void {
    const object = this.get(key);
    super.drop(key);
    if (object === undefined || !isGrouped(object)) return;
    const groups = this.#groupsOf(object);
    const group = groups.get(firstOf(object));
    group?.delete(key);
    if (group?.size === 0) groups.delete(firstOf(object));
    if (groups.size === 0) this.#groups.delete(sectionOf(object));
  }

  /** Those of its scope and section whose keys may begin with the same address, or whatever stands there. */
  *near(entry: EntryObject): Iterable<EntryObject> {
    const groups = this.#groups.get(sectionOf(entry));
    const first = firstOf(entry);
    for (const group of first === '' ? (groups?.values() ?? []) : [groups?.get(first), groups?.get('')])
      if (group !== undefined) yield* group.values();
  }

  #groupsOf(entry: EntryObject): Map<string, Group> {
    const found = this.#groups.get(sectionOf(entry)) ?? new Map<string, Group>();
    this.#groups.set(sectionOf(entry), found);
    return found;
  }

  #groupOf(entry: EntryObject): Group {
    const groups = this.#groupsOf(entry);
    const found = groups.get(firstOf(entry)) ?? new Map<string, EntryObject>();
    groups.set(firstOf(entry), found);
    return found;
  }
}

/** Each bucket is a key of its own, which overlaps none. */
const isGrouped = (object: KernelObject): object is EntryObject => object.kind === 'entry' && !isBucketed(object.section);

const sectionOf = ({ scope, section }: EntryObject): string => `${scope} ${section}`;

/** '' stands for more than one: a prefix or a range. */
function firstOf({ key }: EntryObject): string {
  const [first = ''] = key.split(' . ', 1);
  return /[-/]/.test(first) ? '' : first;
}
