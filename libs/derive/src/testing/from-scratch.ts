/**
 * The independent oracle: it derives every value from the sources alone, by search through everything, without the engine's cells, notes, members or
 * marks. Of the engine it uses only the declarations: which collection is derived from which, the rules, and how values are filed.
 */
import type { Cause } from '../cause.ts';
import type { Collection, Derived, Origin } from '../collection.ts';
import { Index } from '../collection-index.ts';
import type { Engine } from '../engine.ts';
import type { Read } from '../read.ts';
import type { Lens } from '../source.ts';

type Made = Readonly<{ value: unknown; causes: ReadonlyMap<string, Cause> }>;
type Member = Readonly<{ of: Collection<unknown>; key: string; value: unknown }>;

export class FromScratch {
  readonly #engine: Engine;
  readonly #causesMax: number;
  readonly #made = new Map<Collection<unknown>, Map<string, Made>>();

  constructor(engine: Engine, causesMax: number) {
    this.#engine = engine;
    this.#causesMax = causesMax;
    for (const derived of engine.derived) this.#made.set(derived, this.#derive(derived));
  }

  values(of: Collection<unknown>): Map<string, unknown> {
    const entries = [...(this.#made.get(of) ?? [])].map(([key, { value }]) => [key, value] as const);
    return new Map(entries.filter(([, value]) => value !== undefined));
  }

  /** A `Read` that answers as the engine should, without notes. */
  reader(): Read {
    return this.#reader(new Map());
  }

  #derive(of: Derived<unknown>): Map<string, Made> {
    const made = new Map<string, Made>();
    const keys = of.over instanceof Index ? this.#indexValues(of.over) : this.#entries(of.over).map(({ key }) => key);
    for (const key of new Set(keys)) {
      const causes = new Map<string, Cause>();
      let value: unknown;
      try {
        value = of.rules.derive(key, this.#reader(causes));
      } catch {
        value = undefined;
      }
      made.set(key, { value, causes });
    }
    return made;
  }

  #entries(of: Collection<unknown>): Member[] {
    const made = this.#made.get(of);
    if (made !== undefined) return [...made].filter(([, { value }]) => value !== undefined).map(([key, { value }]) => ({ of, key, value }));
    return [...of.keys()].map((key) => ({ of, key, value: of.get(key) }));
  }

  #get(of: Collection<unknown>, key: string): unknown {
    const made = this.#made.get(of);
    return made === undefined ? of.get(key) : made.get(key)?.value;
  }

  #indexValues({ filings }: Index<unknown>): string[] {
    return filings.flatMap((filing) => this.#entries(filing.of).flatMap(({ key, value }) => filing.valuesOf(value, key)));
  }

  #members({ filings }: Index<unknown>, under: string): Member[] {
    return filings.flatMap((filing) => this.#entries(filing.of).filter(({ key, value }) => filing.valuesOf(value, key).includes(under)));
  }

  #causesOf(of: Collection<unknown>, key: string, lens?: Lens<unknown, unknown>, arg = ''): Iterable<Cause> {
    const value = this.#get(of, key);
    if (lens?.causes !== undefined) return value === undefined ? [] : lens.causes(value, arg);
    const made = this.#made.get(of);
    if (made !== undefined) return made.get(key)?.causes.values() ?? [];
    if (value === undefined) return [];
    const { source } = of as Origin<unknown>; // A collection that is not derived is a source.
    const facets = typeof lens?.facets === 'function' ? lens.facets(arg) : lens?.facets;
    if (facets === undefined) return source.causesOf?.(value) ?? [];
    return facets.map((facet) => source.facets?.causeOf?.(value, facet)).filter((cause) => cause !== undefined);
  }

  #reader(causes: Map<string, Cause>): Read {
    const rest = (found: Iterable<Cause>) => {
      for (const cause of found) causes.set(cause.eventId, cause);
    };
    const rows = (index: Index<unknown>, under: string) => {
      const members = this.#members(index, under);
      for (const { of, key } of members) rest(this.#causesOf(of, key));
      return members;
    };
    // An object literal cannot have the generic signatures of Read, so its methods are untyped here.
    const reader: { [Name in keyof Read]: (...args: never[]) => unknown } = {
      get: (of: Collection<unknown>, key: string) => {
        rest(this.#causesOf(of, key));
        return this.#get(of, key);
      },
      see: (of: Collection<unknown>, lens: Lens<unknown, unknown>, key: string, arg = '') => {
        rest(this.#causesOf(of, key, lens, arg));
        const value = this.#get(of, key);
        return value === undefined ? undefined : lens.of(value, arg);
      },
      rows: (index: Index<unknown>, under: string, only?: Collection<unknown>) =>
        rows(index, under)
          .filter(({ of }) => only === undefined || of === only)
          .map(({ value }) => value),
      entries: (index: Index<unknown>, under: string) => rows(index, under).map(({ key, value }) => [key, value]),
      seeAll: (index: Index<unknown>, lens: Lens<unknown, unknown>, under: string, arg = '') => {
        const members = this.#members(index, under);
        for (const { of, key } of members) rest(this.#causesOf(of, key, lens, arg));
        return members.map(({ value }) => lens.of(value, arg)).filter((seen) => seen !== undefined);
      },
      keys: (index: Index<unknown>, under: string) => this.#members(index, under).map(({ key }) => key),
      count: (index: Index<unknown>, under: string) => this.#members(index, under).length,
      any: (index: Index<unknown>, under: string) => this.#members(index, under).length > 0,
      first: (index: Index<unknown>, under: string, n: number) => {
        const keys = this.#members(index, under).map(({ key }) => key);
        return keys.sort((a, b) => (a < b ? -1 : 1)).slice(0, n);
      },
      reached: (position: bigint) => this.#engine.position >= position,
      passed: (timeMs: number) => this.#engine.timeMs >= timeMs,
      causes: () => {
        const sorted = [...causes.values()].sort((a, b) =>
          a.position === b.position ? (a.eventId < b.eventId ? -1 : 1) : a.position < b.position ? -1 : 1,
        );
        return sorted.slice(-this.#causesMax);
      },
    };
    return reader as unknown as Read;
  }
}
