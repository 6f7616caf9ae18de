/**
 * The check of a log at rest: every loop, asked about everything that the log comes to, owes nothing. It shares no code with the tracked reads by which
 * loops are asked in a service, so it finds what they missed. O(everything).
 */
import { type Append, askEverything, createFold, type DomainModule, type Fold, type Owed, type Registry, registry } from '@weft/api';

/** What the loops owe on a fold at this time (Unix time, ms); nothing at rest. */
export function owedAtRest(kinds: Registry, fold: Fold, nowMs: number): readonly Owed[] {
  return [...askEverything(kinds, fold, nowMs)];
}

/** The same for a log. `nowMs`: by default the time of its last event, when what waits for a time is not owed yet. */
export function owedByLog(domains: readonly DomainModule[], log: readonly Append[], nowMs?: number): readonly Owed[] {
  const kinds = registry(domains);
  const fold = createFold(kinds);
  for (const append of log) fold.apply(append);
  const last = log.at(-1)?.events.at(-1)?.metadata.time;
  return owedAtRest(kinds, fold, nowMs ?? Date.parse(last ?? '1970-01-01T00:00:00Z'));
}

/** For people: one line for each loop and what it was asked about. */
export function owedText(owed: readonly Owed[]): string {
  return owed.map(({ loop, key, owed: drafts }) => `loop ${loop.name} owes ${JSON.stringify(drafts)} about ${key}`).join('\n');
}
