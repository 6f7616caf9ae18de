/** From facts to events: ids and envelope (DESIGN 9.3). */
import type { CommandEnvelope, EventMetadata, Fact, NewEvent } from '@weft/api';
import type { ExpectedRevision } from '@weft/event-store';
import { uuidv5 } from '../runtime/uuid.ts';

/** `expected` is the revision that stands before the first of these facts. */
export function toEvents(
  facts: readonly Fact[],
  envelope: CommandEnvelope,
  at: Readonly<{ stream: string; expected: ExpectedRevision; time: string; uid?: string }>,
): NewEvent[] {
  const { requestId, actor, onBehalfOf, correlationId, causationId, traceparent } = envelope;
  return facts.map(({ type, data }, index) => {
    const metadata: EventMetadata = {
      ...(at.uid !== undefined && { uid: at.uid }),
      actor,
      ...(onBehalfOf && { onBehalfOf }),
      requestId,
      $correlationId: correlationId,
      $causationId: causationId,
      time: at.time,
      append: { index, count: facts.length },
      ...(traceparent !== undefined && { traceparent }),
    };
    return { id: uuidv5(requestId, `${at.stream}/${at.expected}/${index}`), type, data, metadata };
  });
}

export function revisionAfter(expected: ExpectedRevision, count: number): ExpectedRevision {
  return count === 0 ? expected : (expected === 'none' ? -1n : expected) + BigInt(count);
}
