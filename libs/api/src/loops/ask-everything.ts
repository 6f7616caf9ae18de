/**
 * Asks every loop about everything, without tracked reads, which must find the same. When the loops have done their work, it finds nothing owed.
 * O(everything): for tests, simulation and verification of a log.
 */
import { factsOf, type LoopFacts } from '../kind/facts.ts';
import { type Draft, type FactsView, type Folded, NAMESPACE_INDEX } from '../kind/kind.ts';
import { type Loop, nameText } from '../kind/loop.ts';
import type { Registry } from '../registry/registry.ts';

export type Owed = Readonly<{ loop: Loop; key: string; owed: readonly Draft[] }>;

type World = FactsView & Readonly<{ records: (ledger: string) => ReadonlyMap<string, unknown> }>;

export function* askEverything(registry: Registry, world: World, nowMs: number, loops: readonly Loop[] = registry.loops()): Iterable<Owed> {
  const facts = loopFactsOf(world, nowMs);
  for (const loop of loops) {
    for (const key of keysOf(registry, loop, world)) {
      const owed = loop.owed(key, facts);
      if (owed.length > 0) yield { loop, key, owed };
    }
  }
}

/** What a loop owes about one key. */
export function ask(loop: Loop, key: string, world: World, nowMs: number): readonly Draft[] {
  return loop.owed(key, loopFactsOf(world, nowMs));
}

function loopFactsOf(world: World, nowMs: number): LoopFacts {
  const facts = factsOf(world);
  // Not spread: `position` is a getter, and must stay one.
  return Object.assign(Object.create(facts) as typeof facts, { passed: (timeMs: number) => nowMs >= timeMs });
}

/** The keys of a loop, computed from the objects themselves, so that a wrong index does not mislead this check. */
function keysOf(registry: Registry, { over }: Loop, world: World): Iterable<string> {
  if ('ledger' in over) return [...world.records(over.ledger).keys()];
  const { kind, index } = over;
  const states = [...world.list(kind)];
  if (index === undefined) return states.map(({ key }) => nameText(key));
  return new Set(states.flatMap((state) => valuesOf(registry, kind, index, state)));
}

function valuesOf(registry: Registry, kind: string, index: string, state: Folded): readonly string[] {
  if (index === NAMESPACE_INDEX) return [state.key.namespace ?? ''];
  return registry.kind(kind)?.indexes?.[index]?.(state) ?? [];
}
