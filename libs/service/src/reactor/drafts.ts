/** From what a reaction wants done to a command, with an id that a redelivery repeats. */
import { type Actor, type Command, type Draft, type EventMetadata, streamOf, uuidv5 } from '@weft/api';
import type { SendOptions } from '../client/command-client.ts';

export function targetOf(draft: Draft): string {
  return draft.target === 'reservation' ? draft.stream : streamOf(draft.key);
}

export function toCommand(draft: Draft): Command {
  if (draft.target === 'reservation') return { verb: 'reserve', stream: draft.stream, command: draft.command };
  if ('action' in draft) return { verb: 'act', key: draft.key, action: draft.action, payload: draft.payload };
  if (draft.verb === 'create') {
    const { kind, namespace } = draft.key;
    return { verb: 'create', kind, ...(namespace !== undefined && { namespace }), object: draft.object };
  }
  return { verb: 'delete', key: draft.key, ...(draft.uid !== undefined && { preconditions: { uid: draft.uid } }) };
}

/** `index` tells drafts of one reaction for one target apart. */
export function requestIdOf(causingEventId: string, reaction: string, draft: Draft, index: number): string {
  return uuidv5(causingEventId, `${reaction} ${targetOf(draft)}${index === 0 ? '' : ` ${index}`}`);
}

export function sentFor(
  reaction: string,
  requestId: string,
  cause: Readonly<{ id: string; position: bigint; metadata: EventMetadata }>,
): SendOptions {
  const { metadata } = cause;
  return {
    requestId,
    actor: reactionActor(reaction),
    onBehalfOf: metadata.onBehalfOf ?? metadata.actor,
    correlationId: metadata.$correlationId,
    causationId: cause.id,
    after: cause.position,
    ...(metadata.traceparent !== undefined && { traceparent: metadata.traceparent }),
  };
}

export function reactionActor(reaction: string): Actor {
  return { user: `system:reaction:${reaction}`, verified: true };
}
