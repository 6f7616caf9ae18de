import { toEvents } from '../append/to-events.ts';
import type { Fact } from '../kind/kind.ts';
import type { RecordedEvent } from '../log/envelope.ts';

/** The events of one append to a stream, the first of which has this revision and this position. */
export function recordedFacts(stream: string, from: number, position: number, ...facts: Fact[]): RecordedEvent[] {
  const cause = {
    requestId: 'aaaaaaaa-0000-4000-8000-00000000000f',
    actor: { user: 't', verified: false },
    correlationId: 'c',
    causationId: 'c',
  };
  const target = { stream, expected: from === 0 ? ('none' as const) : BigInt(from - 1), now: '2026-01-01T00:00:00.000Z' };
  return toEvents(facts, cause, target).map((event, i) => ({
    ...event,
    stream,
    revision: BigInt(from + i),
    position: BigInt(position + i),
  }));
}
