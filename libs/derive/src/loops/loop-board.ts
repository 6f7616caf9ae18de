/**
 * The control loops of a context with tracked reads over the fold: it knows which keys have to be asked, and what they owe.
 *
 *   fold ── change ──> sources ──> keys whose reads differ, each once ── next() ──> owed(key)
 */
import { type Append, type Change, type Draft, type Folded, type Loop, nameText, type Registry, type SomeOf } from '@weft/api';
import type { Finding } from '../audit.ts';
import type { Collection } from '../collection.ts';
import { Engine } from '../engine.ts';
import type { Explained } from '../explain.ts';
import type { Graph } from '../graph.ts';
import type { KeyState, Lazy } from '../lazy.ts';
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

type Asking = {
  readonly loop: Loop;
  readonly owed: Lazy<readonly Draft[]>;
  /** By key, the newest append that changed what it had read. */
  readonly triggers: Map<string, Append>;
  /** The append that brought what the loop awaited, until all keys that there were then have been asked. */
  awaited?: Append | undefined;
  /** Of a loop that awaits something for some keys at a time: those values that it is asked within. */
  within?: Set<string>;
  /** Of such a loop, by key: as `awaited`. */
  readonly awaitedFor: Map<string, Append>;
};

/** Loops that take turns. */
type Ring = { readonly asking: Asking[]; turn: number };

/** While others work, loops that yield have a turn as often as this, in which so many keys are asked: some of them cost O(1,000). */
const TURN_EVERY_MS = 250;
const TURN_KEYS = 8;

const NOTHING: readonly Draft[] = [];

export class LoopBoard {
  readonly engine: Engine;
  readonly #sources: FoldSources;
  readonly #from: FoldCollections;
  readonly #asking: Asking[] = [];
  readonly #byLoop = new Map<Loop, Asking>();
  readonly #prompt: Ring = { asking: [], turn: 0 };
  readonly #yielding: Ring = { asking: [], turn: 0 };
  /** Loops that are not asked yet, by the kinds and ledgers that they await. */
  readonly #dormant = new Map<string, Set<Loop>>();
  /** Loops that still await something for other keys, by the kinds that they await. */
  readonly #partly = new Map<string, Asking[]>();
  readonly #world: FoldedWorld;
  readonly #nowMs: () => number;
  /** When loops that yield have a turn; undefined while none of their keys waits. */
  #turnMs: number | undefined;
  /** Keys that may still be asked in this turn. */
  #turnKeys = 0;
  #change: Append | undefined;
  #work: (() => void) | undefined;

  constructor({ registry, loops, world, nowMs }: LoopBoardOptions) {
    this.#world = world;
    this.#nowMs = nowMs;
    this.engine = new Engine({ now: nowMs });
    this.#sources = new FoldSources(registry, world);
    this.#from = this.#sources.within(this.engine);
    for (const loop of loops) {
      const { awaits } = loop;
      if (awaits === undefined || awaits.some((each) => isAny(each, world))) this.#ask(loop);
      else for (const each of awaits) setOf(this.#dormant, nameOf(each)).add(loop);
    }
  }

  /** Reports a change that the fold has applied. */
  apply(change: Change): void {
    this.#change = change.append;
    this.#sources.apply(change);
    this.#change = undefined;
    if (this.#dormant.size + this.#partly.size > 0) this.#awaken(change);
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

  /**
   * Asks the next key; loops take turns, and some yield to others: they are asked when no other key waits and nothing of others `isUnderWay`, and for
   * some keys about four times a second. Undefined when no key waits, or only keys of loops that yield now.
   */
  next(isUnderWay = false): Asked | undefined {
    if (!this.#isTurnOfYielding()) {
      const asked = this.#nextOf(this.#prompt);
      if (asked !== undefined || isUnderWay) return asked;
    }
    return this.#nextOf(this.#yielding) ?? this.#nextOf(this.#prompt);
  }

  #isTurnOfYielding(): boolean {
    if (this.#yielding.asking.every(({ owed }) => owed.pending === 0)) {
      this.#turnMs = undefined;
      this.#turnKeys = 0;
      return false;
    }
    const nowMs = this.#nowMs();
    this.#turnMs ??= nowMs + TURN_EVERY_MS;
    if (this.#turnKeys === 0 && nowMs >= this.#turnMs) {
      this.#turnMs = nowMs + TURN_EVERY_MS;
      this.#turnKeys = TURN_KEYS;
    }
    if (this.#turnKeys === 0) return false;
    this.#turnKeys--;
    return true;
  }

  #nextOf(ring: Ring): Asked | undefined {
    for (let i = 0; i < ring.asking.length; i++) {
      const asking = ring.asking[(ring.turn + i) % ring.asking.length] as Asking;
      if (asking.owed.pending === 0) continue;
      const [taken] = asking.owed.take({ limit: 1 });
      const awaited = taken && (asking.awaitedFor.get(taken.key) ?? asking.awaited);
      if (!asking.owed.hasBacklog) {
        asking.awaited = undefined;
        asking.awaitedFor.clear();
      }
      if (taken === undefined) continue;
      ring.turn = (ring.turn + i + 1) % ring.asking.length;
      const { key, value = NOTHING, fault } = taken;
      const trigger = asking.triggers.get(key) ?? awaited;
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

  /** What the loop's answer for a key depends on, and whether it is that of the present state. Undefined while the loop awaits something for that key. */
  explain(loop: Loop, key: string, depth?: number): Readonly<{ state: KeyState; answer: Explained }> | undefined {
    const { owed, within, awaitedFor } = this.#byLoop.get(loop) ?? {};
    if (within !== undefined && owed?.findCell(key) === undefined && awaitedFor?.has(key) === false) return undefined;
    return owed && { state: owed.stateOf(key), answer: this.engine.explain(owed, key, depth) };
  }

  /** Asks some settled keys once more. A key that differs should have been asked before, which is a bug; it is asked again now. */
  auditSlice(sliceMs: number): readonly Finding[] {
    return this.engine.auditSlice(sliceMs).findings;
  }

  describe(): Graph {
    return this.engine.describe();
  }

  #awaken({ append, after, records = [] }: Change): void {
    if (after?.status === 'live') {
      this.#askWhoAwaits(after.key.kind, append, after);
      for (const asking of this.#partly.get(after.key.kind) ?? []) this.#askWithin(asking, append, after);
    }
    for (const { ledger } of records) this.#askWhoAwaits(ledger, append);
  }

  #askWhoAwaits(name: string, append: Append, arrived?: Folded): void {
    const awaiting = this.#dormant.get(name);
    if (awaiting === undefined) return;
    for (const loop of [...awaiting]) {
      for (const [other, loops] of this.#dormant) if (loops.delete(loop) && loops.size === 0) this.#dormant.delete(other);
      const isPartly = arrived !== undefined && loop.awaitsWithin !== undefined && 'kind' in loop.over;
      const asking = this.#ask(loop, isPartly);
      if (isPartly) {
        asking.within = new Set();
        for (const some of loop.awaits ?? []) if ('kind' in some) listOf(this.#partly, some.kind).push(asking);
      } else if (asking.owed.hasBacklog) {
        asking.awaited = append;
        this.#work?.();
      }
    }
  }

  /** Has those keys asked that what has come concerns, unless they were before. */
  #askWithin(asking: Asking, append: Append, arrived: Folded): void {
    const { loop, owed, within, awaitedFor } = asking;
    const { over, awaitsWithin } = loop;
    if (within === undefined || awaitsWithin === undefined || !('kind' in over)) return;
    const value = awaitsWithin.of(arrived);
    if (within.has(value)) return;
    within.add(value);
    const keys = Array.from(this.#world.by(over.kind, awaitsWithin.index, value), ({ key }) => nameText(key));
    owed.awaitAll(keys, keys.length);
    for (const key of keys) awaitedFor.set(key, append);
    if (keys.length > 0) this.#work?.();
  }

  /** `isPartly`: of the keys that are there by now it is asked about none yet. */
  #ask(loop: Loop, isPartly = false): Asking {
    const { over } = loop;
    const from = this.#from;
    const name = `loop ${loop.name}`;
    const owed = (key: string, read: ConstructorParameters<typeof TrackedFacts>[1]) => {
      const drafts = loop.owed(key, new TrackedFacts(from, read));
      return drafts.length === 0 ? undefined : drafts;
    };
    const collection = collectionOf(loop, from);
    const lazy =
      'kind' in over && over.index !== undefined
        ? this.engine.lazyGroup(name, collection.index(over.index), owed)
        : this.engine.lazyMap(name, collection, owed, isPartly ? { waitsForAll: false } : {});
    const asking: Asking = { loop, owed: lazy, triggers: new Map(), awaitedFor: new Map() };
    this.#asking.push(asking);
    (loop.yields === true ? this.#yielding : this.#prompt).asking.push(asking);
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

function isAny(some: SomeOf, world: FoldedWorld): boolean {
  return ('kind' in some ? world.count(some.kind) : world.records(some.ledger).size) > 0;
}

/** A kind and a ledger of one name would wake each other's loops too early, which harms nobody. */
function nameOf(some: SomeOf): string {
  return 'kind' in some ? some.kind : some.ledger;
}

function listOf<V>(map: Map<string, V[]>, name: string): V[] {
  let found = map.get(name);
  if (found === undefined) map.set(name, (found = []));
  return found;
}

function setOf(map: Map<string, Set<Loop>>, name: string): Set<Loop> {
  let found = map.get(name);
  if (found === undefined) map.set(name, (found = new Set()));
  return found;
}

function collectionOf({ over, notBefore }: Loop, from: FoldCollections): Collection<unknown> {
  if ('kind' in over) return from.kind(over.kind);
  return notBefore === undefined ? from.ledger(over.ledger) : from.due(over.ledger, notBefore);
}
