/**
 * The control loops of a context with tracked reads over the fold: it knows which keys have to be asked, and what they owe.
 *
 *   fold ── change ──> sources ──> keys whose reads differ, each once ── next() ──> owed(key)
 */
import type { Append, Change, Draft, Loop, Registry } from '@weft/api';
import type { Finding } from '../audit.ts';
import type { Collection } from '../collection.ts';
import { Engine } from '../engine.ts';
import type { Explained } from '../explain.ts';
import type { Graph } from '../graph.ts';
import type { Lazy } from '../lazy.ts';
import { type FoldCollections, type FoldedWorld, FoldSources } from './fold-sources.ts';
import { TrackedFacts } from './tracked-facts.ts';

/** What a loop owes for one key. `trigger`: the newest append that changed what it had read; absent after a start, and when only time has passed. */
export type Asked = Readonly<{ loop: Loop; key: string; owed: readonly Draft[]; trigger?: Append; fault?: Error }>;

export type LoopBoardOptions = Readonly<{
  registry: Registry;
  loops: readonly Loop[];
  world: FoldedWorld;
  /** Monotonic, in ms. */
  nowMs: () => number;
}>;

/** Loops that take turns. */
type Ring = { readonly asking: readonly Asking[]; turn: number };

/** While others wait, a loop that yields has its turn after so many of them. */
const PASSED_OVER_MAX = 256;

type Asking = { readonly loop: Loop; readonly owed: Lazy<readonly Draft[]>; readonly triggers: Map<string, Append> };

const NOTHING: readonly Draft[] = [];

export class LoopBoard {
  readonly engine: Engine;
  readonly #sources: FoldSources;
  readonly #asking: readonly Asking[];
  readonly #byLoop = new Map<Loop, Asking>();
  readonly #prompt: Ring;
  readonly #yielding: Ring;
  /** Keys of others that were asked since one that yields had its turn. */
  #passedOver = 0;
  #change: Append | undefined;
  #work: (() => void) | undefined;

  constructor({ registry, loops, world, nowMs }: LoopBoardOptions) {
    this.engine = new Engine({ now: nowMs });
    this.#sources = new FoldSources(registry, world);
    const from = this.#sources.within(this.engine);
    this.#asking = loops.map((loop) => this.#ask(loop, from));
    this.#prompt = { asking: this.#asking.filter(({ loop }) => loop.yields !== true), turn: 0 };
    this.#yielding = { asking: this.#asking.filter(({ loop }) => loop.yields === true), turn: 0 };
  }

  /** Reports a change that the fold has applied. */
  apply(change: Change): void {
    this.#change = change.append;
    this.#sources.apply(change);
    this.#change = undefined;
  }

  /** Moves the time on (Unix time, ms) for loops that wait for it. */
  tick(nowMs: number): void {
    this.#sources.passTo(nowMs);
    this.engine.passTo(nowMs);
  }

  /** `work` is called whenever there may be a key to ask. */
  onWork(work: () => void): void {
    this.#work = work;
  }

  /** Number of keys that wait to be asked. */
  get pending(): number {
    return this.#asking.reduce((sum, { owed }) => sum + owed.pending, 0);
  }

  /** Asks the next key; loops take turns, and some yield to others. Undefined when no key waits. */
  next(): Asked | undefined {
    if (this.#passedOver < PASSED_OVER_MAX) {
      const asked = this.#nextOf(this.#prompt);
      if (asked !== undefined) {
        this.#passedOver++;
        return asked;
      }
    }
    this.#passedOver = 0;
    return this.#nextOf(this.#yielding) ?? this.#nextOf(this.#prompt);
  }

  #nextOf(ring: Ring): Asked | undefined {
    for (let i = 0; i < ring.asking.length; i++) {
      const asking = ring.asking[(ring.turn + i) % ring.asking.length] as Asking;
      if (asking.owed.pending === 0) continue;
      const [taken] = asking.owed.take({ limit: 1 });
      if (taken === undefined) continue;
      ring.turn = (ring.turn + i + 1) % ring.asking.length;
      const { key, value = NOTHING, fault } = taken;
      const trigger = asking.triggers.get(key);
      asking.triggers.delete(key);
      return { loop: asking.loop, key, owed: value, ...(trigger && { trigger }), ...(fault && { fault }) };
    }
    return undefined;
  }

  /** Keeps a key from being asked until `release`, since commands for it are under way. */
  hold(loop: Loop, key: string): void {
    this.#of(loop).owed.hold(key);
  }

  /** Asks a key again, whether or not anything that it read has changed. */
  release(loop: Loop, key: string): void {
    const { owed } = this.#of(loop);
    owed.release(key);
    owed.again(key);
  }

  /** For a key that waits to be asked: the newest append that changed what it had read. */
  triggerOf({ name }: Loop, key: string): Append | undefined {
    return this.#asking.find(({ loop }) => loop.name === name)?.triggers.get(key);
  }

  /** What the loop's answer for a key depends on. */
  explain(loop: Loop, key: string, depth?: number): Explained {
    return this.engine.explain(this.#of(loop).owed, key, depth);
  }

  /** Asks some settled keys once more. A key that differs should have been asked before, which is a bug; it is asked again now. */
  auditSlice(sliceMs: number): readonly Finding[] {
    return this.engine.auditSlice(sliceMs).findings;
  }

  describe(): Graph {
    return this.engine.describe();
  }

  #ask(loop: Loop, from: FoldCollections): Asking {
    const { over } = loop;
    const name = `loop ${loop.name}`;
    const owed = (key: string, read: ConstructorParameters<typeof TrackedFacts>[1]) => {
      const drafts = loop.owed(key, new TrackedFacts(from, read));
      return drafts.length === 0 ? undefined : drafts;
    };
    const collection = collectionOf(loop, from);
    const lazy =
      'kind' in over && over.index !== undefined
        ? this.engine.lazyGroup(name, collection.index(over.index), owed)
        : this.engine.lazyMap(name, collection, owed);
    const asking: Asking = { loop, owed: lazy, triggers: new Map() };
    this.#byLoop.set(loop, asking);
    lazy.onMark((key) => {
      if (this.#change !== undefined) asking.triggers.set(key, this.#change);
      this.#work?.();
    });
    return asking;
  }

  #of(loop: Loop): Asking {
    const asking = this.#byLoop.get(loop);
    if (asking === undefined) throw new Error(`loop ${loop.name} is not on this board`);
    return asking;
  }
}

function collectionOf({ over, notBefore }: Loop, from: FoldCollections): Collection<unknown> {
  if ('kind' in over) return from.kind(over.kind);
  return notBefore === undefined ? from.ledger(over.ledger) : from.due(over.ledger, notBefore);
}
