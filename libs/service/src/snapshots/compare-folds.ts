/** Whether a fold that began with a snapshot is the fold of the whole log: for `weft verify`, and for tests. O(everything) */
import { type Fold, type Folded, NAMESPACE_INDEX, type Registry, streamOf } from '@weft/api';

/** What differs, one line each, for people. Both folds must be at one position. */
export function* differencesOf(registry: Registry, kept: Fold, anew: Fold): Iterable<string> {
  const states = new Map(Array.from(kept.all(), (state) => [streamOf(state.key), text(state)]));
  for (const state of anew.all()) {
    const stream = streamOf(state.key);
    if (states.get(stream) !== text(state)) yield `the state of ${stream}`;
    states.delete(stream);
  }
  for (const stream of states.keys()) yield `the state of ${stream}`;
  for (const { ledger } of registry.ledgers) {
    if (text([...kept.records(ledger)]) !== text([...anew.records(ledger)])) yield `the records of ${ledger}`;
  }
  const places = (fold: Fold) => Array.from(fold.former.all(), ({ place, stream }) => `${place} ${stream}`).sort();
  if (text(places(kept)) !== text(places(anew))) yield 'where objects were once';
  for (const { kind, indexes = {} } of registry.kinds) {
    const lists = (fold: Fold) => [fold.count(kind), ...namesIn(fold.listOrdered(kind))];
    if (text(lists(kept)) !== text(lists(anew))) yield `the list of ${kind}`;
    for (const [index, valuesOf] of Object.entries({ ...indexes, [NAMESPACE_INDEX]: ({ key }: Folded) => [key.namespace ?? ''] })) {
      const values = new Set(Array.from(anew.list(kind), valuesOf).flat());
      if (text([...(kept.values?.(kind, index) ?? [])].sort()) !== text([...values].sort()))
        yield `the values of the index ${index} of ${kind}`;
      for (const value of values) {
        if (text(namesIn(kept.by(kind, index, value)).sort()) !== text(namesIn(anew.by(kind, index, value)).sort()))
          yield `the index ${index} of ${kind} at "${value}"`;
      }
    }
  }
  if (text(kept.passedOver) !== text(anew.passedOver)) yield 'what was passed over';
}

function namesIn(states: Iterable<Folded>): string[] {
  return Array.from(states, ({ key }) => streamOf(key));
}

function text(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? `${each}n` : each));
}
