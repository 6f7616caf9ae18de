/** Makes events of facts: gives them ids and an envelope (DESIGN 9.3). */
import type { Claim, Fact } from '../kind/kind.ts';
import type { Actor, EventMetadata, NewEvent } from '../log/envelope.ts';
import type { KeptCommand } from './kept-command.ts';
import { uuidv5 } from './uuid.ts';

/** Who and what caused the facts. A CommandEnvelope is one. */
export type Cause = Readonly<{
  requestId: string;
  actor: Actor;
  onBehalfOf?: Actor;
  correlationId: string;
  causationId: string;
  traceparent?: string;
}>;

export type AppendTarget = Readonly<{
  stream: string;
  /** Revision of the stream before the first of these facts. */
  expected: bigint | 'none';
  /** RFC 3339 with milliseconds. */
  now: string;
  /** Uid of the incarnation; absent on reservation streams. */
  uid?: string;
  /** The command of an object's append: it is kept with the first event. */
  command?: KeptCommand;
  /** What the append gives back: it is kept with the first event. */
  releases?: readonly Claim[];
}>;

/** The events of one append. Their ids derive from request, stream, expected revision and index: the same ids are never written at another revision. */
export function toEvents(facts: readonly Fact[], cause: Cause, target: AppendTarget): NewEvent[] {
  const { requestId, actor, onBehalfOf, correlationId, causationId, traceparent } = cause;
  const { stream, expected, now, uid, command, releases } = target;
  return facts.map(({ type, data }, index) => {
    const metadata: { -readonly [F in keyof EventMetadata]: EventMetadata[F] } = {
      actor,
      requestId,
      $correlationId: correlationId,
      $causationId: causationId,
      time: now,
      append: { index, count: facts.length },
    };
    if (uid !== undefined) metadata.uid = uid;
    if (onBehalfOf !== undefined) metadata.onBehalfOf = onBehalfOf;
    if (traceparent !== undefined) metadata.traceparent = traceparent;
    if (index === 0 && command !== undefined) metadata.command = command;
    if (index === 0 && releases !== undefined) metadata.releases = releases;
    return { id: uuidv5(requestId, `${stream}/${expected}/${index}`), type, data, metadata };
  });
}
