/** Notes what an evaluation reads, as nodes, and finds the causes of these reads. */
import { Alarm, type Alarms } from './alarms.ts';
import { type Cause, NewestCauses } from './cause.ts';
import type { Collection, Derived } from './collection.ts';
import type { Index } from './collection-index.ts';
import { type AnyLens, addLens, findLens, type LensHolder, LensNode } from './lenses.ts';
import { Bucket, BucketPart, Cell, FirstKeys, type Node, type PartOfBucket, ValueCell } from './node.ts';
import type { Notes } from './read.ts';

/** A derivation has read something forbidden: itself, a later stage, or a lazy collection. That is a bug, so it is thrown and not kept as a fault. */
export class StageError extends Error {}

export type Clocks = Readonly<{ positions: Alarms<bigint>; times: Alarms<number> }>;

/**
 * With `kept`, collections keep the nodes that are read for the first time. Without, for an audit, such nodes are made and dropped again, so that an
 * audit changes nothing.
 */
export class Notebook implements Notes {
  readonly #kept: boolean;
  readonly #clocks: Clocks;
  readonly #causesMax: number;
  #reads: Node[] = [];
  /** Used in place of stamps while nothing is kept. */
  readonly #looked = new Set<Node>();
  #reader: Derived<unknown> | undefined;
  #stamp = 0;

  constructor(kept: boolean, clocks: Clocks, causesMax: number) {
    this.#kept = kept;
    this.#clocks = clocks;
    this.#causesMax = causesMax;
  }

  /** The reads of the newest evaluation. Copy them: the next evaluation overwrites the list. */
  get reads(): readonly Node[] {
    return this.#reads;
  }

  get stamp(): number {
    return this.#stamp;
  }

  get isOpen(): boolean {
    return this.#reader !== undefined;
  }

  begin(reader: Derived<unknown>): void {
    if (this.#reader !== undefined) throw new Error(`${reader.name} is asked while ${this.#reader.name} is being derived`);
    this.#reader = reader;
    this.#stamp++;
    this.#reads.length = 0;
    if (!this.#kept) this.#looked.clear();
  }

  end(): void {
    this.#reader = undefined;
  }

  get(from: Collection<unknown>, key: string): void {
    this.#mayRead(from, 'get');
    this.#note(this.#cell(from, key));
  }

  see(from: Collection<unknown>, lens: AnyLens, key: string, arg: string): void {
    this.#mayRead(from, lens);
    this.#note(this.#lens(this.#cell(from, key), lens, arg));
  }

  rows(index: Index<unknown>, value: string): void {
    this.#mayRead(index, 'rows');
    this.#note(this.#part(index, value, 'rows'));
  }

  seeAll(index: Index<unknown>, lens: AnyLens, value: string, arg: string): void {
    this.#mayRead(index, lens);
    this.#note(this.#lens(this.#bucket(index, value), lens, arg));
  }

  keys(index: Index<unknown>, value: string): void {
    this.#mayRead(index, 'keys');
    this.#note(this.#part(index, value, 'keys'));
  }

  any(index: Index<unknown>, value: string, has: boolean): void {
    this.#mayRead(index, 'any');
    const part = this.#part(index, value, 'any');
    if (this.#kept) part.bucket.had = has;
    this.#note(part);
  }

  first(index: Index<unknown>, value: string, n: number, found: readonly string[]): void {
    this.#mayRead(index, 'first');
    const bucket = this.#bucket(index, value);
    let first = bucket.firsts?.get(n);
    if (first === undefined) {
      first = new FirstKeys(bucket, n);
      if (this.#kept) (bucket.firsts ??= new Map()).set(n, first);
    }
    if (this.#kept) first.last = found.length < n ? undefined : found[n - 1];
    this.#note(first);
  }

  reached(position: bigint): void {
    this.#note(this.#alarm(this.#clocks.positions, position));
  }

  passed(timeMs: number): void {
    this.#note(this.#alarm(this.#clocks.times, timeMs));
  }

  causes(): readonly Cause[] {
    if (this.#kept) this.#reader?.useCauses();
    const found = new NewestCauses(this.#causesMax);
    addCausesOf(this.#reads, found, new Set(), this.#causesMax);
    return found.list();
  }

  #mayRead(from: Collection<unknown> | Index<unknown>, how: string | AnyLens): void {
    const reader = this.#reader;
    if (reader === undefined) throw new Error(`${from.name} is read outside of an evaluation`);
    if (from.stage >= reader.stage) throw new StageError(`${reader.name} (stage ${reader.stage}) reads ${from.name} (stage ${from.stage})`);
    if (from.isLazy) throw new StageError(`${reader.name} reads ${from.name}, which is lazy`);
    if (this.#kept) reader.observe(from, how);
  }

  #note(node: Node): void {
    if (this.#kept) {
      if (node.stamp === this.#stamp) return;
      node.stamp = this.#stamp;
    } else {
      if (this.#looked.has(node)) return;
      this.#looked.add(node);
    }
    this.#reads.push(node);
  }

  #alarm<T extends bigint | number>(alarms: Alarms<T>, at: T): Alarm<T> {
    return this.#kept ? alarms.alarmAt(at) : (alarms.find(at) ?? new Alarm(alarms, at));
  }

  #cell(from: Collection<unknown>, key: string): Cell {
    return this.#kept ? from.cellOf(key) : (from.findCell(key) ?? from.newCell(key));
  }

  #bucket(index: Index<unknown>, value: string): Bucket {
    return this.#kept ? index.bucketOf(value) : (index.buckets.get(value) ?? new Bucket(index, value));
  }

  #lens(holder: LensHolder, lens: AnyLens, arg: string): LensNode {
    return findLens(holder, lens, arg) ?? (this.#kept ? addLens(holder, lens, arg) : new LensNode(holder, lens, arg));
  }

  #part(index: Index<unknown>, value: string, part: PartOfBucket): BucketPart {
    const bucket = this.#bucket(index, value);
    const found = bucket[part];
    if (found !== undefined) return found;
    const made = new BucketPart(bucket, part);
    if (!this.#kept) return made;
    bucket[part] = made;
    if (part === 'rows') index.readWhole++;
    return made;
  }
}

/** A cell that has read more than this, or members of an index, keeps its causes once they were asked for. */
const READS_MAX = 32;

/** Adds the causes of derived values, which are found in what they have read. */
function addCausesOf(reads: readonly Node[], into: NewestCauses, seen: Set<ValueCell>, max: number): void {
  for (const read of reads) {
    if (read instanceof ValueCell) addCausesOfCell(read, into, seen, max);
    else if (read instanceof Cell) addWhole(read.of, read.key, read.of.get(read.key), into);
    else if (read instanceof LensNode) addSeen(read, into, seen, max);
    else if (read instanceof BucketPart && read.part === 'rows') {
      const { of, value } = read.bucket;
      for (const filing of of.filings) for (const [key, member] of filing.members(value)) addWhole(filing.of, key, member, into);
    }
  }
}

export function addCausesOfCell(cell: ValueCell, into: NewestCauses, seen: Set<ValueCell>, max: number): void {
  if (seen.has(cell)) return;
  seen.add(cell);
  const real = cell.of.findCell(cell.key); // An audit works with cells of its own.
  if (real === undefined) return;
  const { reads } = real;
  if (isWide(reads)) into.addAll(causesKeptOf(real, max));
  else addCausesOf(reads, into, seen, max);
}

function causesKeptOf(cell: ValueCell, max: number): readonly Cause[] {
  const { of, reads } = cell;
  let kept = of.causesKept.get(cell);
  if (kept === undefined) {
    const own = new NewestCauses(max);
    addCausesOf(reads, own, new Set(), max);
    kept = own.list();
    if (of.causesWanted) of.causesKept.set(cell, kept); // Otherwise nothing would drop them when they differ.
  }
  return kept;
}

function isWide(reads: readonly Node[]): boolean {
  return (
    reads.length > READS_MAX ||
    reads.some((read) => read instanceof BucketPart || (read instanceof LensNode && read.holder instanceof Bucket))
  );
}

function addWhole(of: Collection<unknown>, key: string, value: unknown, into: NewestCauses): void {
  if (value !== undefined) of.addCauses(key, value, into);
}

function addSeen({ holder, lens, arg }: LensNode, into: NewestCauses, seen: Set<ValueCell>, max: number): void {
  if (holder instanceof Bucket) {
    for (const filing of holder.of.filings) {
      for (const [key, member] of filing.members(holder.value)) filing.of.addLensCauses(key, member, lens, arg, into);
    }
  } else if (holder instanceof Cell) {
    const { of, key } = holder;
    const value = of.get(key);
    if (holder instanceof ValueCell && lens.causes === undefined) addCausesOfCell(holder, into, seen, max);
    else if (value !== undefined) of.addLensCauses(key, value, lens, arg, into);
  }
}
