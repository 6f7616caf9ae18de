import type { Derived } from '@weft/derive';
import type { KernelObject, KernelState } from '../kernel/kernel-objects.ts';
import { numberedKey } from '../kernel/numbered-keys.ts';
import type { DerivedParts } from './compile.derived.ts';
import { entryInBlocks, entryOfBlock, type PlacedBlock } from './compile.entries.ts';

/** The derived objects as one map, by `keyOf`. It keeps nothing of its own. */
export class DerivedState implements KernelState {
  readonly #kinds: ReadonlyMap<string, Derived<KernelObject>>;

  readonly #blocks: Derived<PlacedBlock> | undefined;

  constructor({ objects, blocks }: DerivedParts) {
    this.#kinds = new Map<string, Derived<KernelObject>>(Object.entries(objects));
    this.#blocks = blocks;
  }

  get size(): number {
    let size = 0;
    for (const objects of this.#kinds.values()) size += objects.size;
    for (const key of this.#blocks?.keys() ?? []) size += this.#blocks?.get(key)?.values.filter((value) => value !== undefined).length ?? 0;
    return size;
  }

  get(key: string): KernelObject | undefined {
    const slash = key.indexOf('/');
    const [kind, rest] = [key.slice(0, slash), key.slice(slash + 1)];
    const object = this.#kinds.get(kind)?.get(rest);
    return object === undefined && kind === 'entry' && this.#blocks !== undefined ? entryInBlocks(this.#blocks, rest) : object;
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
    for (const key of this.#blocks?.keys() ?? []) {
      const block = this.#blocks?.get(key);
      for (const [at, value] of block?.values.entries() ?? [])
        if (value !== undefined) yield [numberedKey(`entry/${key}`, at), entryOfBlock(block as PlacedBlock, at)];
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
