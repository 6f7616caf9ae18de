import type { Derived } from '@weft/derive';
import type { KernelObject, KernelState } from '../kernel/kernel-objects.ts';
import type { DerivedObjects } from './compile.derived.ts';

/** The derived objects as one map, by `keyOf`. It keeps nothing of its own. */
export class DerivedState implements KernelState {
  readonly #kinds: ReadonlyMap<string, Derived<KernelObject>>;

  constructor(objects: DerivedObjects) {
    this.#kinds = new Map<string, Derived<KernelObject>>(Object.entries(objects));
  }

  get size(): number {
    let size = 0;
    for (const objects of this.#kinds.values()) size += objects.size;
    return size;
  }

  get(key: string): KernelObject | undefined {
    const slash = key.indexOf('/');
    return this.#kinds.get(key.slice(0, slash))?.get(key.slice(slash + 1));
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  forEach(each: (object: KernelObject, key: string, state: KernelState) => void): void {
    for (const [key, object] of this) each(object, key, this);
  }

  *entries(): MapIterator<[string, KernelObject]> {
    for (const [kind, objects] of this.#kinds) {
      for (const key of objects.keys()) {
        const object = objects.get(key);
        if (object !== undefined) yield [`${kind}/${key}`, object];
      }
    }
  }

  *keys(): MapIterator<string> {
    for (const [key] of this) yield key;
  }

  *values(): MapIterator<KernelObject> {
    for (const [, object] of this) yield object;
  }

  [Symbol.iterator](): MapIterator<[string, KernelObject]> {
    return this.entries();
  }
}
