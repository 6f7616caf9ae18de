/**
 * Kernel objects by `keyOf`, for who keeps all that a kernel holds. Buckets of balancers are some thousands for each address, and differ in their values
 * alone: they are kept as lists, some 30 bytes for each where an object with its key in a map has 250. They are made anew whenever somebody looks.
 */
import { type EntryObject, type KernelObject, type KernelState, keyOf, vniOfScope } from './kernel-objects.ts';

/** The buckets of one address in one section of a router. The lists have holes where there is none. */
type Buckets = {
  readonly scope: string;
  readonly section: string;
  readonly prefix: string;
  readonly values: (string | undefined)[];
  readonly positions: (string | undefined)[];
  readonly owners: (string | undefined)[];
  size: number;
};
type Place = Readonly<{ at: string; scope: string; section: string; prefix: string; number: number }>;

const SEPARATOR = ' . ';
/** A key with a larger number is that of no bucket. */
const NUMBER_MAX = 65_535;

export class ObjectMap implements KernelState {
  readonly #isBucketed: (section: string) => boolean;
  readonly #single = new Map<string, KernelObject>();
  /** By scope, section and prefix. */
  readonly #buckets = new Map<string, Buckets>();
  /** Number of buckets of each network. */
  readonly #counts = new Map<number, number>();

  /** `isBucketed`: whether keys of a section are an address and a number of a bucket. */
  constructor(isBucketed: (section: string) => boolean) {
    this.#isBucketed = isBucketed;
  }

  get size(): number {
    let size = this.#single.size;
    for (const count of this.#counts.values()) size += count;
    return size;
  }

  get(key: string): KernelObject | undefined {
    const single = this.#single.get(key);
    if (single !== undefined) return single;
    const place = this.#placeOf(key);
    const buckets = place && this.#buckets.get(place.at);
    return buckets && bucketOf(buckets, place.number);
  }

  has(key: string): boolean {
    if (this.#single.has(key)) return true;
    const place = this.#placeOf(key);
    return place !== undefined && this.#buckets.get(place.at)?.values[place.number] !== undefined;
  }

  put(object: KernelObject): void {
    const place = object.kind === 'entry' ? this.#placeOfEntry(object) : undefined;
    if (place === undefined) {
      this.#single.set(keyOf(object), object);
      return;
    }
    const { at, scope, section, prefix, number } = place;
    let buckets = this.#buckets.get(at);
    if (buckets === undefined)
      this.#buckets.set(at, (buckets = { scope, section, prefix, values: [], positions: [], owners: [], size: 0 }));
    const { value, position, owner } = object as EntryObject;
    for (let next = buckets.values.length; next <= number; next++) {
      for (const list of [buckets.values, buckets.positions, buckets.owners]) list.push(undefined); // Lists with gaps would be kept as maps.
    }
    if (buckets.values[number] === undefined) this.#count(buckets, 1);
    buckets.values[number] = value;
    buckets.positions[number] = position;
    buckets.owners[number] = owner;
  }

  /** Whether it was there. */
  delete(key: string): boolean {
    if (this.#single.delete(key)) return true;
    const place = this.#placeOf(key);
    const buckets = place && this.#buckets.get(place.at);
    if (place === undefined || buckets?.values[place.number] === undefined) return false;
    buckets.values[place.number] = undefined;
    buckets.positions[place.number] = undefined;
    buckets.owners[place.number] = undefined;
    this.#count(buckets, -1);
    if (buckets.size === 0) this.#buckets.delete(place.at);
    return true;
  }

  /** One that stands as this one does; neither changes the other. O(objects that are no buckets + bytes of the others) */
  copy(): ObjectMap {
    const copy = new ObjectMap(this.#isBucketed);
    for (const [key, object] of this.#single) copy.#single.set(key, object);
    for (const [at, buckets] of this.#buckets) {
      const { values, positions, owners } = buckets;
      copy.#buckets.set(at, { ...buckets, values: values.slice(), positions: positions.slice(), owners: owners.slice() });
    }
    for (const [vni, count] of this.#counts) copy.#counts.set(vni, count);
    return copy;
  }

  /** Networks of buckets, each with the number of these. */
  get bucketsByNetwork(): ReadonlyMap<number, number> {
    return this.#counts;
  }

  /** Keys of the buckets of a network. */
  *bucketKeysOf(vni: number): Iterable<string> {
    if (!this.#counts.has(vni)) return;
    for (const buckets of this.#buckets.values()) if (vniOfScope(buckets.scope) === vni) yield* keysOf(buckets);
  }

  /** Whether an object is kept as a bucket. */
  isBucket(object: KernelObject): boolean {
    return object.kind === 'entry' && this.#placeOfEntry(object) !== undefined;
  }

  *keys(): MapIterator<string> {
    yield* this.#single.keys();
    for (const buckets of this.#buckets.values()) yield* keysOf(buckets);
  }

  *values(): MapIterator<KernelObject> {
    yield* this.#single.values();
    for (const buckets of this.#buckets.values()) for (const [, object] of bucketsOf(buckets)) yield object;
  }

  *entries(): MapIterator<[string, KernelObject]> {
    yield* this.#single.entries();
    for (const buckets of this.#buckets.values()) yield* bucketsOf(buckets);
  }

  [Symbol.iterator](): MapIterator<[string, KernelObject]> {
    return this.entries();
  }

  forEach(each: (object: KernelObject, key: string, state: KernelState) => void): void {
    for (const [key, object] of this.entries()) each(object, key, this);
  }

  #count(buckets: Buckets, by: number): void {
    buckets.size += by;
    const vni = vniOfScope(buckets.scope);
    if (vni === undefined) return;
    const count = (this.#counts.get(vni) ?? 0) + by;
    if (count === 0) this.#counts.delete(vni);
    else this.#counts.set(vni, count);
  }

  #placeOf(key: string): Place | undefined {
    if (!key.startsWith('entry/')) return undefined;
    const afterScope = key.indexOf('/', 'entry/'.length);
    const afterSection = key.indexOf('/', afterScope + 1);
    if (afterScope < 0 || afterSection < 0) return undefined;
    return this.#place(key.slice('entry/'.length, afterScope), key.slice(afterScope + 1, afterSection), key.slice(afterSection + 1));
  }

  #placeOfEntry({ scope, section, key }: EntryObject): Place | undefined {
    return this.#place(scope, section, key);
  }

  /** Only keys that are written as those of buckets are: what is put in must be found under its own key. */
  #place(scope: string, section: string, key: string): Place | undefined {
    if (!this.#isBucketed(section) || vniOfScope(scope) === undefined) return undefined;
    const end = key.lastIndexOf(SEPARATOR);
    if (end < 0) return undefined;
    const text = key.slice(end + SEPARATOR.length);
    const number = Number(text);
    if (!(number >= 0 && number <= NUMBER_MAX) || String(number) !== text || !Number.isInteger(number)) return undefined;
    const prefix = key.slice(0, end);
    return { at: `${scope}/${section}/${prefix}`, scope, section, prefix, number };
  }
}

function* keysOf({ scope, section, prefix, values }: Buckets): Iterable<string> {
  for (let number = 0; number < values.length; number++)
    if (values[number] !== undefined) yield `entry/${scope}/${section}/${prefix}${SEPARATOR}${number}`;
}

function* bucketsOf(buckets: Buckets): Iterable<[string, EntryObject]> {
  for (let number = 0; number < buckets.values.length; number++) {
    const bucket = bucketOf(buckets, number);
    if (bucket !== undefined) yield [keyOf(bucket), bucket];
  }
}

function bucketOf({ scope, section, prefix, values, positions, owners }: Buckets, number: number): EntryObject | undefined {
  const value = values[number];
  if (value === undefined) return undefined;
  const [position = '', owner = ''] = [positions[number], owners[number]];
  return { kind: 'entry', scope, section, key: `${prefix}${SEPARATOR}${number}`, value, position, owner };
}
