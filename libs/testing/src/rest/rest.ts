/**
 * Checks a log at rest, which means that no loop owes anything: it asks every loop about everything. It shares no code with the tracked reads by which
 * services ask loops, so it finds what these have missed. O(everything).
 */
import { type Append, askEverything, createFold, type DomainModule, type Fold, type Owed, type Registry, registry } from '@weft/api';

/** What the loops owe on a fold at this time (Unix time, ms); empty at rest. */
export function owedAtRest(kinds: Registry, fold: Fold, nowMs: number): readonly Owed[] {
  return [...askEverything(kinds, fold, nowMs)];
}

/** The same for a log. `nowMs`: by default the time of its last event; then commands that are due later are not owed yet. */
export function owedByLog(domains: readonly DomainModule[], log: readonly Append[], nowMs?: number): readonly Owed[] {
  const kinds = registry(domains);
  const fold = createFold(kinds);
  for (const append of log) fold.apply(append);
  const last = log.at(-1)?.events.at(-1)?.metadata.time;
  return owedAtRest(kinds, fold, nowMs ?? Date.parse(last ?? '1970-01-01T00:00:00Z'));
}

/** One line for each loop and key, for people. */
export function owedText(owed: readonly Owed[]): string {
  return owed.map(({ loop, key, owed: drafts }) => `loop ${loop.name} owes ${JSON.stringify(drafts)} about ${key}`).join('\n');
}
