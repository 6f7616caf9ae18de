/** What each host ought to have in its kernel, as the log says, and since when. */
import type { KernelObject } from '@weft/fabric';
import type { WorldFabric } from '@weft/testing';

/** What a host ought to have: as of when, and as of when it is what it is now. */
export type Wish = Readonly<{ since: bigint; asItIs: bigint; object: KernelObject }>;

type OfHost = {
  readonly wishes: Map<string, Wish>;
  /** Objects that it once ought not to have any more, and entries that it once ought to have otherwise. */
  readonly other: Set<string>;
};

export class Wishes {
  readonly #fabric: WorldFabric;
  readonly #hosts = new Map<string, OfHost>();

  constructor(fabric: WorldFabric) {
    this.#fabric = fabric;
  }

  /** Positions of objects are those of rows, which may have been there before a host had use for them: so each change of the log is looked at. */
  note(position: bigint): void {
    for (const host of this.#fabric.hosts) this.#noteHost(this.#of(host), this.#fabric.kernelOf(host) ?? new Map(), position);
  }

  of(host: string, key: string): Wish | undefined {
    return this.#hosts.get(host)?.wishes.get(key);
  }

  /** Whether it once ought to have something else under this key, or nothing. */
  wasOther(host: string, key: string): boolean {
    return this.#hosts.get(host)?.other.has(key) === true;
  }

  #of(host: string): OfHost {
    const known = this.#hosts.get(host);
    if (known !== undefined) return known;
    const fresh: OfHost = { wishes: new Map(), other: new Set() };
    this.#hosts.set(host, fresh);
    return fresh;
  }

  #noteHost(
    { wishes, other }: OfHost,
    wanted: Pick<ReadonlyMap<string, KernelObject>, 'has' | typeof Symbol.iterator>,
    position: bigint,
  ): void {
    for (const key of wishes.keys()) {
      if (wanted.has(key)) continue;
      wishes.delete(key);
      other.add(key);
    }
    for (const [key, object] of wanted) {
      const wish = wishes.get(key);
      if (wish !== undefined && isSameWish(wish.object, object)) continue;
      wishes.set(key, { since: wish?.since ?? position, asItIs: position, object });
      if (wish !== undefined) other.add(key);
    }
  }
}

/** An entry that has another value, or is made of other rows, is another one: between the rows of two tables that one append changed, there may be none. */
function isSameWish(before: KernelObject, after: KernelObject): boolean {
  if (before.kind !== 'entry' || after.kind !== 'entry') return true;
  return before.value === after.value && before.position === after.position;
}

/** Whether `is`, in the kernel, is what is wanted. Of an entry without a position nobody knows whether it is made of the same rows still. */
export function mustStay(is: KernelObject, wanted: KernelObject): boolean {
  if (is.kind !== 'entry' || wanted.kind !== 'entry') return true;
  return is.value === wanted.value && wanted.position !== '0';
}
