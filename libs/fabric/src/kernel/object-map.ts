/**
 * Kernel objects by `keyOf`, for who keeps all that a kernel holds. Buckets of balancers are some thousands for each address, and differ in their values
 * alone: they are kept as lists, some 30 bytes for each where an object with its key in a map has 250. They are made anew whenever somebody looks.
 */
import { type EntryObject, type KernelObject, type KernelState, keyOf, vniOfScope } from './kernel-objects.ts';
import { numberedKey, partsOfNumberedKey } from './numbered-keys.ts';

/** The buckets of one address in one section of a router. The lists have holes where there is none. */
type Buckets = {
  readonly vni: number;
  readonly scope: string;
  readonly section: string;
  readonly prefix: string;
  readonly values: (string | undefined)[];
  readonly positions: (string | undefined)[];
  readonly owners: (string | undefined)[];
  size: number;
};
/** Of a network: number of its buckets, and the lists that they are in. */
type Network = { size: number; readonly lists: Set<Buckets> };
type Place = Readonly<{ at: string; vni: number; scope: string; section: string; prefix: string; number: number }>;

/** A key with a larger number is that of no bucket. */
const NUMBER_MAX = 65_535;

export class ObjectMap implements KernelState {
  readonly #isBucketed: (section: string) => boolean;
  readonly #single = new Map<string, KernelObject>();
  /** By scope, section and prefix. */
  readonly #buckets = new Map<string, Buckets>();
  readonly #networks = new Map<number, Network>();

  /** `isBucketed`: whether keys of a section are an address and a number of a bucket. */
  constructor(isBucketed: (section: string) => boolean) {
    this.#isBucketed = isBucketed;
  }

  get size(): number {
    let size = this.#single.size;
    for (const network of this.#networks.values()) size += network.size;
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
    const place = object.kind === 'entry' ? this.#place(object.scope, object.section, object.key) : undefined;
    if (place === undefined) {
      this.#single.set(keyOf(object), object);
      return;
    }
    const { at, number, ...of } = place;
    const buckets = this.#buckets.get(at) ?? { ...of, values: [], positions: [], owners: [], size: 0 };
    if (buckets.size === 0) this.#keep(at, buckets);
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
    if (buckets.size === 0) {
      this.#buckets.delete(place.at);
      this.#networks.get(buckets.vni)?.lists.delete(buckets);
    }
    return true;
  }

  /** One that stands as this one does; neither changes the other. O(objects that are no buckets + bytes of the others) */
  copy(): ObjectMap {
    const copy = new ObjectMap(this.#isBucketed);
    for (const [key, object] of this.#single) copy.#single.set(key, object);
    for (const [at, buckets] of this.#buckets) {
      const { values, positions, owners, size } = buckets;
      const own = { ...buckets, values: values.slice(), positions: positions.slice(), owners: owners.slice(), size: 0 };
      copy.#keep(at, own);
      copy.#count(own, size);
    }
    return copy;
  }

  /** VNIs of networks that have buckets. */
  get networksOfBuckets(): Iterable<number> {
    return this.#networks.keys();
  }

  /** Number of buckets of a network. */
  bucketsOf(vni: number): number {
    return this.#networks.get(vni)?.size ?? 0;
  }

  /** Keys of the buckets of a network. */
  *bucketKeysOf(vni: number): Iterable<string> {
    for (const buckets of this.#networks.get(vni)?.lists ?? []) yield* keysOf(buckets);
  }

  /** Whether an object is kept as a bucket. */
  isBucket(object: KernelObject): boolean {
    return object.kind === 'entry' && this.#place(object.scope, object.section, object.key) !== undefined;
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

  #keep(at: string, buckets: Buckets): void {
    this.#buckets.set(at, buckets);
    const network = this.#networks.get(buckets.vni) ?? { size: 0, lists: new Set() };
    this.#networks.set(buckets.vni, network);
    network.lists.add(buckets);
  }

  #count(buckets: Buckets, by: number): void {
    const network = this.#networks.get(buckets.vni) as Network;
    buckets.size += by;
    network.size += by;
    if (network.size === 0) this.#networks.delete(buckets.vni);
  }

  #placeOf(key: string): Place | undefined {
    if (!key.startsWith('entry/')) return undefined;
    const afterScope = key.indexOf('/', 'entry/'.length);
    const afterSection = key.indexOf('/', afterScope + 1);
    if (afterScope < 0 || afterSection < 0) return undefined;
    return this.#place(key.slice('entry/'.length, afterScope), key.slice(afterScope + 1, afterSection), key.slice(afterSection + 1));
  }

  /** Only keys that are written as those of buckets are: what is put in must be found under its own key. */
  #place(scope: string, section: string, key: string): Place | undefined {
    const vni = this.#isBucketed(section) ? vniOfScope(scope) : undefined;
    const parts = vni === undefined ? undefined : partsOfNumberedKey(key);
    if (vni === undefined || parts === undefined || parts.number > NUMBER_MAX) return undefined;
    return { at: `${scope}/${section}/${parts.prefix}`, vni, scope, section, ...parts };
  }
}

function* keysOf({ scope, section, prefix, values }: Buckets): Iterable<string> {
  for (let number = 0; number < values.length; number++)
    if (values[number] !== undefined) yield numberedKey(`entry/${scope}/${section}/${prefix}`, number);
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
  return { kind: 'entry', scope, section, key: numberedKey(prefix, number), value, position, owner };
}
