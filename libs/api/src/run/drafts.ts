/** From what a reaction or watch wants done to a command, with an id that a repeat shares and the name of who it acts for. */
import { uuidv5 } from '../append/uuid.ts';
import type { Command, CommandEnvelope } from '../command/command.ts';
import type { Draft } from '../kind/kind.ts';
import { streamOf } from '../kind/object.ts';
import type { Actor, Position, RecordedEvent } from '../log/envelope.ts';

export function targetOf(draft: Draft): string {
  return draft.target === 'reservation' ? draft.stream : streamOf(draft.key);
}

export function commandOfDraft(draft: Draft): Command {
  if (draft.target === 'reservation') return { verb: 'reserve', stream: draft.stream, command: draft.command };
  if ('action' in draft) return { verb: 'act', key: draft.key, action: draft.action, payload: draft.payload };
  if (draft.verb === 'create') {
    const { kind, namespace } = draft.key;
    return { verb: 'create', kind, ...(namespace !== undefined && { namespace }), object: draft.object };
  }
  return { verb: 'delete', key: draft.key, ...(draft.uid !== undefined && { preconditions: { uid: draft.uid } }) };
}

/** `index` tells drafts of one reaction for one target apart. */
export function requestIdOfDraft(causingEventId: string, reaction: string, draft: Draft, index: number): string {
  return uuidv5(causingEventId, `${reaction} ${targetOf(draft)}${index === 0 ? '' : ` ${index}`}`);
}

/** Everything of an envelope but the command: the reaction acts on behalf of whoever caused the event, in the same correlation. */
export function sentFor(
  reaction: string,
  requestId: string,
  { id, position, metadata }: Pick<RecordedEvent, 'id' | 'position' | 'metadata'>,
): Omit<CommandEnvelope, 'command' | 'timeoutMs' | 'after'> & Readonly<{ after: Position }> {
  return {
    requestId,
    actor: reactionActor(reaction),
    onBehalfOf: metadata.onBehalfOf ?? metadata.actor,
    correlationId: metadata.$correlationId,
    causationId: id,
    after: position,
    ...(metadata.traceparent !== undefined && { traceparent: metadata.traceparent }),
  };
}

export function reactionActor(reaction: string): Actor {
  return { user: `system:reaction:${reaction}`, verified: true };
}
