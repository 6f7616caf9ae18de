/**
 * The loops of a replica that does not hold the lease: they are asked all along, and others carry out what they owe. After each change they have to owe what
 * loops owe that are asked about everything anew, no more and no less.
 */
import { type Append, appendOf, askEverything, type Change, createFold, type Fold, type Loop, type Owed, type Registry } from '@weft/api';
import { LoopBoard, OwedByLoops } from '@weft/derive';
import { randomOf } from './random.ts';
import type { World } from './world.ts';

type IsWatched = (loop: Loop) => boolean;
const ALL_LOOPS: IsWatched = () => true;

export class Standby {
  readonly #registry: Registry;
  readonly #fold: Fold;
  readonly #loops: readonly Loop[];
  readonly #board: LoopBoard;
  readonly #owed: OwedByLoops;

  /** `isWatched`: whether a loop is asked. */
  constructor(registry: Registry, fold: Fold, isWatched: IsWatched = ALL_LOOPS) {
    this.#registry = registry;
    this.#fold = fold;
    this.#loops = registry.loops().filter(isWatched);
    this.#board = new LoopBoard({ registry, loops: this.#loops, world: fold, nowMs: () => 0 });
    this.#owed = new OwedByLoops(this.#board);
  }

  /** Takes a change that the fold has applied, at a time in ms. Throws when an answer differs. */
  apply(change: Change, nowMs: number): void {
    this.#board.apply(change);
    this.#board.tick(nowMs);
    this.#owed.ask();
    const anew = new Set([...askEverything(this.#registry, this.#fold, nowMs, this.#loops)].map(lineOf));
    const kept = new Set([...this.#owed.values()].map(lineOf));
    const missed = [...anew].filter((line) => !kept.has(line));
    const stale = [...kept].filter((line) => !anew.has(line));
    if (missed.length + stale.length === 0) return;
    const lines = [...missed.map((line) => `missed: ${line}`), ...stale.map((line) => `owed no more: ${line}`)];
    throw new Error(`a standby differs from loops that are asked anew:\n${lines.join('\n')}`);
  }
}

/** A standby looks at each change of the world. */
export function watch(world: World, isWatched?: IsWatched): World {
  const standby = new Standby(world.registry, world.fold, isWatched);
  world.watch((change) => standby.apply(change, Date.parse(world.now)));
  return world;
}

/**
 * A standby reads the log in another order, in which each stream keeps its own: so it sees states that never were, in which one thing alone differs. Positions
 * begin behind those of the log, since a fold has reached all positions that its events speak of.
 */
export function readShuffled(registry: Registry, log: readonly Append[], seed: number, isWatched?: IsWatched): void {
  const fold = createFold(registry);
  const standby = new Standby(registry, fold, isWatched);
  let nowMs = 0;
  let position = log.at(-1)?.position ?? 0n;
  for (const append of shuffled(log, seed)) {
    nowMs = Math.max(nowMs, Date.parse(append.events[0].metadata.time));
    standby.apply(fold.apply(appendOf(append.events.map((event) => ({ ...event, position: ++position })))), nowMs);
  }
}

/** In random order, but for that within each stream. */
export function shuffled(appends: readonly Append[], seed: number): readonly Append[] {
  const random = randomOf(seed);
  const streams = new Map<string, Append[]>();
  for (const append of appends) streams.set(append.stream, [...(streams.get(append.stream) ?? []), append]);
  const left = [...streams.values()];
  const order: Append[] = [];
  while (left.length > 0) {
    const at = Math.floor(random() * left.length);
    const stream = left[at] as Append[];
    order.push(stream.shift() as Append);
    if (stream.length === 0) left.splice(at, 1);
  }
  return order;
}

function lineOf({ loop, key, owed }: Owed): string {
  return `${loop.name} about ${key}: ${JSON.stringify(owed, sortedMembers)}`;
}

/** Members of objects have no order. */
function sortedMembers(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
