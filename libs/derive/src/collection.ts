/** Collections: values that can be read by key. Sources are collections, and so is everything derived from them. */
import type { Cause, NewestCauses } from './cause.ts';
import { DerivedFiling, type Filing, Index, isPresent, SourceFiling } from './collection-index.ts';
import type { AnyLens } from './lenses.ts';
import { Cell, DIRTY, PRESENT, ValueCell } from './node.ts';
import type { Read } from './read.ts';
import { facetsOf, type Source } from './source.ts';

/**
 * A collection, made by `Engine`. Derivations read it by `Read`, others by `get`, `keys` and `size`; all other members are for the parts of the engine.
 */
export abstract class Collection<V> {
  readonly name: string;
  readonly id: number;
  /** 0 for sources. A derivation reads collections of earlier stages only. */
  readonly stage: number;
  readonly isLazy: boolean = false;
  /** Keys that were there before it was declared are asked only when somebody names them. */
  readonly isPartly: boolean = false;
  readonly maps: Derived<unknown>[] = [];
  readonly filings: Filing<V>[] = [];
  /** Whether a derivation that reads this collection, directly or through others, asks for causes. */
  causesWanted = false;
  declare readonly facetsInUse?: undefined;
  protected readonly indexesByName = new Map<string, Index<V>>();

  constructor(name: string, id: number, stage: number) {
    this.name = name;
    this.id = id;
    this.stage = stage;
  }

  abstract get(key: string): V | undefined;
  abstract keys(): Iterable<string>;
  abstract get size(): number;
  abstract findCell(key: string): Cell | undefined;
  /** Finds the cell of a key, or makes it. */
  abstract cellOf(key: string): Cell;
  abstract newCell(key: string): Cell;
  abstract forget(cell: Cell): void;
  abstract get nodes(): number;

  abstract get hasFacets(): boolean;
  abstract sameFacets(before: V, after: V): boolean;
  abstract sameFacet(facet: string, before: V, after: V): boolean;
  /** Adds the causes of a present value, read whole or through a lens. */
  abstract addCauses(key: string, value: V, into: NewestCauses): void;
  abstract addLensCauses(key: string, value: V, lens: AnyLens, arg: string, into: NewestCauses): void;

  index(name: string): Index<V> {
    const index = this.indexesByName.get(name);
    if (index === undefined) throw new Error(`${this.name} has no index "${name}"`);
    return index;
  }

  get indexes(): Iterable<Index<V>> {
    return this.indexesByName.values();
  }

  /** The filing behind an index of this collection. */
  filingOf(name: string): Filing<V> {
    return this.index(name).filings[0] as Filing<V>;
  }

  wantCauses(): void {
    this.causesWanted = true;
  }
}

/** A source as the engine sees it: its owner keeps the values, and the engine has cells only for keys that somebody reads. */
export class Origin<V> extends Collection<V> {
  readonly source: Source<V>;
  readonly #cells = new Map<string, Cell>();

  constructor(source: Source<V>, nextId: () => number) {
    super(source.name, nextId(), 0);
    this.source = source;
    for (const [name, index] of Object.entries(source.indexes ?? {})) {
      const filing = new SourceFiling<V>(this, index);
      this.filings.push(filing);
      this.indexesByName.set(name, new Index(`${this.name} by ${name}`, nextId(), [filing]));
    }
  }

  override get(key: string): V | undefined {
    return this.source.get(key);
  }

  override keys(): Iterable<string> {
    return this.source.keys();
  }

  override get size(): number {
    return this.source.size;
  }

  override get nodes(): number {
    return this.#cells.size;
  }

  override findCell(key: string): Cell | undefined {
    return this.#cells.size === 0 ? undefined : this.#cells.get(key); // A key that nobody reads need not be hashed.
  }

  override cellOf(key: string): Cell {
    let cell = this.#cells.get(key);
    if (cell === undefined) {
      cell = this.newCell(key);
      this.#cells.set(key, cell);
    }
    return cell;
  }

  override newCell(key: string): Cell {
    return new Cell(this, key);
  }

  override forget(cell: Cell): void {
    if (this.#cells.get(cell.key) === cell) this.#cells.delete(cell.key);
  }

  override get hasFacets(): boolean {
    return this.source.facets !== undefined;
  }

  override sameFacets(before: V, after: V): boolean {
    const { facets } = this.source;
    return facets?.whole !== undefined && facets.whole(before) === facets.whole(after);
  }

  override sameFacet(facet: string, before: V, after: V): boolean {
    const { facets } = this.source;
    return facets !== undefined && facets.of(before, facet) === facets.of(after, facet);
  }

  override addCauses(_key: string, value: V, into: NewestCauses): void {
    if (this.source.causesOf !== undefined) into.addAll(this.source.causesOf(value));
  }

  override addLensCauses(key: string, value: V, lens: AnyLens, arg: string, into: NewestCauses): void {
    const facets = facetsOf(lens, arg);
    if (lens.causes !== undefined) into.addAll(lens.causes(value, arg));
    else if (facets === undefined) this.addCauses(key, value, into);
    else {
      for (const facet of facets) {
        const cause = this.source.facets?.causeOf?.(value, facet);
        if (cause !== undefined) into.add(cause);
      }
    }
  }
}

/** Method syntax, so that a collection of some values is a collection of unknown values. */
export interface Rules<V> {
  derive(key: string, read: Read): V | undefined;
  same(before: V, after: V): boolean;
}

export type Listener<V> = (key: string, before: V | undefined, after: V | undefined) => void;
interface Registered<V> {
  onChange(key: string, before: V | undefined, after: V | undefined): void;
}

export type EngineParts = Readonly<{
  nextId: () => number;
  /** Adds the causes of a derived value, which are found in what it has read. */
  causesInto: (cell: ValueCell, into: NewestCauses) => void;
}>;

/** What is declared of a derived collection. */
export type Derivation<V, R extends Rules<V> = Rules<V>> = Readonly<{
  name: string;
  stage: number;
  over: Collection<unknown> | Index<unknown>;
  rules: R;
}>;

/** One value for each key of another collection, or for each value of an index that has members. */
export class Derived<V> extends Collection<V> {
  readonly over: Collection<unknown> | Index<unknown>;
  readonly rules: Rules<V>;
  /** How often a key was asked; tests set budgets for it. */
  evaluations = 0;
  /** Keys whose derivation threw. Their values count as absent; they are asked again when something that they had read changes. */
  readonly faults = new Map<string, Error>();
  readonly listeners: Registered<V>[] = [];
  /** Whether an evaluation has asked for causes. */
  usesCauses = false;
  /** Causes of cells that read many others, kept until one of these changes. */
  readonly causesKept = new Map<ValueCell, readonly Cause[]>();
  readonly derivedFilings: DerivedFiling<V>[] = [];
  /** What evaluations have read so far, and how. */
  readonly observed = new Map<Collection<unknown> | Index<unknown>, Set<string | AnyLens>>();
  protected marked: ValueCell[] = [];
  /** Marked cells that are being asked. */
  #taking: Iterator<ValueCell, undefined> | undefined;
  /** Keys that were there before this collection was declared, as far as they were not looked at yet. */
  #unmarked: Iterator<string> | undefined;
  readonly #parts: EngineParts;
  readonly #cells = new Map<string, ValueCell>();
  #size = 0;

  constructor({ name, stage, over, rules }: Derivation<V>, parts: EngineParts) {
    super(name, parts.nextId(), stage);
    this.over = over;
    this.rules = rules;
    this.#parts = parts;
  }

  override get(key: string): V | undefined {
    const cell = this.#cells.get(key);
    return cell && this.heldBy(cell);
  }

  /** The value in a cell of this collection. The cast is safe, since only its rules derive values for it. */
  heldBy(cell: ValueCell): V | undefined {
    return cell.value as V | undefined;
  }

  override *keys(): Iterable<string> {
    for (const [key, { value }] of this.#cells) if (value !== undefined) yield key;
  }

  override get size(): number {
    return this.#size;
  }

  override get nodes(): number {
    return this.#cells.size;
  }

  /** Calls the listener when `settle` has derived everything, at most once for each key. */
  listen(listener: Listener<V>): this {
    this.listeners.push({ onChange: listener });
    return this;
  }

  /** Declares an index, or finds the one that was declared. */
  override index(name: string, valuesOf?: (value: V, key: string) => readonly string[]): Index<V> {
    if (valuesOf === undefined) return super.index(name);
    if (this.indexesByName.has(name)) throw new Error(`${this.name} has an index "${name}" already`);
    const filing = new DerivedFiling<V>(this, { valuesOf });
    for (const [key, cell] of this.#cells) if (cell.value !== undefined) filing.move(cell, [], valuesOf(this.heldBy(cell) as V, key));
    this.filings.push(filing);
    this.derivedFilings.push(filing);
    const index = new Index(`${this.name} by ${name}`, this.#parts.nextId(), [filing]);
    this.indexesByName.set(name, index);
    return index;
  }

  /** Whether keys that were there before it was declared still have to be looked at. */
  get hasBacklog(): boolean {
    return false;
  }

  /** Whether the key is there, or the group has a member. */
  isAsked(key: string): boolean {
    return this.over instanceof Index ? this.over.has(key) : this.over.get(key) !== undefined;
  }

  override findCell(key: string): ValueCell | undefined {
    return this.#cells.get(key);
  }

  override cellOf(key: string): ValueCell {
    let cell = this.#cells.get(key);
    if (cell === undefined) {
      cell = this.newCell(key);
      this.#cells.set(key, cell);
    }
    return cell;
  }

  override newCell(key: string): ValueCell {
    return new ValueCell(this, key);
  }

  override forget(cell: Cell): void {
    if (this.#cells.get(cell.key) === cell) this.#cells.delete(cell.key);
  }

  get cells(): Iterable<ValueCell> {
    return this.#cells.values();
  }

  mark(cell: ValueCell): void {
    if ((cell.flags & DIRTY) !== 0) return;
    cell.flags |= DIRTY;
    this.marked.push(cell);
  }

  /** Has a key asked again although nothing that it read has changed. */
  again(key: string): void {
    const cell = this.#cells.get(key);
    if (cell !== undefined) this.mark(cell);
    else if (this.isAsked(key)) this.mark(this.cellOf(key));
  }

  /** Has a group asked again when it has got its first member or lost its last one since it was asked. */
  markIfTurned(value: string, index: Index<unknown>): void {
    const cell = this.#cells.get(value);
    if (index.has(value) !== isPresent(cell)) this.mark(cell ?? this.cellOf(value));
  }

  /** Has these keys asked when all that is marked was. O(1): they are marked one by one. */
  markAll(keys: Iterable<string>): void {
    this.#unmarked = keys[Symbol.iterator]();
  }

  /** Marks what is left of these keys now. */
  markRest(): void {
    const keys = this.#unmarked;
    if (keys === undefined) return;
    this.#unmarked = undefined;
    for (let next = keys.next(); next.done !== true; next = keys.next()) this.#markFirst(next.value);
  }

  get hasMarks(): boolean {
    return this.marked.length > 0 || this.#taking !== undefined || this.#unmarked !== undefined;
  }

  /** The next of the cells that were marked when the first of them was taken; undefined after the last one. What is marked meanwhile comes the next time. */
  nextMarked(): ValueCell | undefined {
    if (!this.hasMarks) return undefined;
    this.#taking ??= this.#take();
    const { done, value } = this.#taking.next();
    if (done !== true) return value;
    this.#taking = undefined;
    return undefined;
  }

  *#take(): Iterator<ValueCell, undefined> {
    for (;;) {
      const { marked } = this;
      this.marked = [];
      yield* marked;
      const next = this.#unmarked?.next();
      if (next === undefined) return undefined;
      if (next.done === true) this.#unmarked = undefined;
      else this.#markFirst(next.value);
    }
  }

  /** Unless it was asked before its turn came. */
  #markFirst(key: string): void {
    const cell = this.cellOf(key);
    if ((cell.flags & PRESENT) === 0) this.mark(cell);
  }

  set(cell: ValueCell, after: V | undefined): void {
    this.#size += Number(after !== undefined) - Number(cell.value !== undefined);
    cell.value = after;
  }

  observe(from: Collection<unknown> | Index<unknown>, how: string | AnyLens): void {
    const known = this.observed.get(from);
    if (known?.has(how) === true) return;
    if (known !== undefined) known.add(how);
    else this.observed.set(from, new Set([how]));
    if (this.causesWanted || this.usesCauses) from.wantCauses();
  }

  useCauses(): void {
    if (this.usesCauses) return;
    this.usesCauses = true;
    for (const from of this.observed.keys()) from.wantCauses();
  }

  override wantCauses(): void {
    if (this.causesWanted) return;
    this.causesWanted = true;
    for (const from of this.observed.keys()) from.wantCauses();
  }

  override get hasFacets(): boolean {
    return false;
  }

  override sameFacets(): boolean {
    return false;
  }

  override sameFacet(): boolean {
    return false;
  }

  override addCauses(key: string, _value: V, into: NewestCauses): void {
    const cell = this.#cells.get(key);
    if (cell !== undefined) this.#parts.causesInto(cell, into);
  }

  override addLensCauses(key: string, value: V, lens: AnyLens, arg: string, into: NewestCauses): void {
    if (lens.causes !== undefined) into.addAll(lens.causes(value, arg));
    else this.addCauses(key, value, into);
  }
}
