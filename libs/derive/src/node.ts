/**
 * Nodes: one for each thing that is read, and only while somebody reads it. A node knows its readers. A change of the thing wakes them, which means
 * that they are asked again.
 */

import { each, type Few, minus, plus } from '@weft/api';
import type { Collection, Derived } from './collection.ts';
import type { Index } from './collection-index.ts';
import type { Lenses, LensHolder } from './lenses.ts';

export abstract class Node {
  readers: Few<ValueCell> = undefined;
  /** The evaluation that has read it last: each evaluation notes it only once. */
  stamp = 0;

  wake(): void {
    const { readers } = this;
    if (readers === undefined) return;
    if (readers instanceof ValueCell) readers.of.mark(readers);
    else for (const reader of each(readers)) reader.of.mark(reader);
  }

  join(reader: ValueCell): void {
    this.readers = plus(this.readers, reader);
  }

  leave(reader: ValueCell): void {
    this.readers = minus(this.readers, reader);
    if (this.readers === undefined) this.unread();
  }

  /** Called when the last reader has gone. */
  protected abstract unread(): void;
}

/** One key of a collection: a value read whole, or its absence. */
export class Cell extends Node implements LensHolder {
  readonly of: Collection<unknown>;
  readonly key: string;
  lenses: Lenses = undefined;

  constructor(of: Collection<unknown>, key: string) {
    super();
    this.of = of;
    this.key = key;
  }

  get isUnread(): boolean {
    return this.readers === undefined && this.lenses === undefined;
  }

  tidy(): void {
    if (this.isUnread) this.of.forget(this);
  }

  protected override unread(): void {
    this.tidy();
  }
}

export const DIRTY = 1; // Something that it read has changed since it was asked.
export const QUEUED = 2; // Stands in the queue of a lazy collection.
export const HELD = 4; // Held back by the consumer of a lazy collection.
export const PRESENT = 8; // Its key or its group existed when it was asked last.

/** One key of a derived collection: its value and its reads. It exists while the key does, or while somebody reads its absence. */
export class ValueCell extends Cell {
  declare readonly of: Derived<unknown>;
  value: unknown = undefined;
  /** What it has read, in that order. */
  reads: readonly Node[] = NO_NODES;
  flags = 0;

  override tidy(): void {
    if (this.isUnread && this.flags === 0 && this.value === undefined) this.of.forget(this);
  }
}

export const NO_NODES: readonly Node[] = [];

export type PartOfBucket = 'rows' | 'keys' | 'any';

/** The members under one value of an index, as far as they are read: their values, their keys, or whether there are any. */
export class Bucket implements LensHolder {
  readonly of: Index<unknown>;
  readonly value: string;
  rows: BucketPart | undefined = undefined;
  keys: BucketPart | undefined = undefined;
  any: BucketPart | undefined = undefined;
  firsts: Map<number, FirstKeys> | undefined = undefined;
  lenses: Lenses = undefined;
  /** Whether there were members when `any` was read last. */
  had = false;

  constructor(of: Index<unknown>, value: string) {
    this.of = of;
    this.value = value;
  }

  tidy(): void {
    const { rows, keys, any, firsts, lenses } = this;
    if (rows ?? keys ?? any ?? firsts ?? lenses) return;
    this.of.forget(this);
  }
}

export class BucketPart extends Node {
  readonly bucket: Bucket;
  readonly part: PartOfBucket;

  constructor(bucket: Bucket, part: PartOfBucket) {
    super();
    this.bucket = bucket;
    this.part = part;
  }

  protected override unread(): void {
    const { bucket, part } = this;
    if (bucket[part] !== this) return;
    bucket[part] = undefined;
    if (part === 'rows') bucket.of.readWhole--;
    bucket.tidy();
  }
}

/** The first `n` keys of a bucket, in order. */
export class FirstKeys extends Node {
  readonly bucket: Bucket;
  readonly n: number;
  /** The last of these keys; undefined while there are fewer than `n`. */
  last: string | undefined = undefined;

  constructor(bucket: Bucket, n: number) {
    super();
    this.bucket = bucket;
    this.n = n;
  }

  /** Called when a key has come or gone. */
  moved(key: string): void {
    if (this.last === undefined || key <= this.last) this.wake();
  }

  protected override unread(): void {
    const { bucket, n } = this;
    if (bucket.firsts?.get(n) !== this) return;
    bucket.firsts.delete(n);
    if (bucket.firsts.size === 0) bucket.firsts = undefined;
    bucket.tidy();
  }
}
