/** Makes the command that is sent for what a loop owes. */
import { uuidv5 } from '../append/uuid.ts';
import type { Command, CommandEnvelope } from '../command/command.ts';
import type { Draft, FactsView } from '../kind/kind.ts';
import { streamOf } from '../kind/object.ts';
import type { Actor, Append } from '../log/envelope.ts';

/** Namespace of the request ids of loops. */
const LOOPS = '9d0f6a3e-7c52-5b1e-8f64-1f2c9a7e5d10';

/** The stream that a command of a loop is for. */
export function targetOf(draft: Draft): string {
  return draft.target === 'reservation' ? draft.stream : streamOf(draft.key);
}

export function commandOfDraft(draft: Draft): Command {
  if (draft.target === 'reservation') return { verb: 'reserve', stream: draft.stream, command: draft.command };
  if ('action' in draft) return { verb: 'act', key: draft.key, action: draft.action, payload: draft.payload };
  if (draft.verb === 'delete') {
    const { key, uid, propagationPolicy } = draft;
    return {
      verb: 'delete',
      key,
      ...(uid !== undefined && { preconditions: { uid } }),
      ...(propagationPolicy !== undefined && { propagationPolicy }),
    };
  }
  const { kind, namespace } = draft.key;
  return { verb: 'create', kind, ...(namespace !== undefined && { namespace }), object: draft.object };
}

/**
 * The request id stays the same as long as the target has not changed and the same is owed (DESIGN 10.32). So a repeat after an unknown outcome is the
 * same request, and what is owed again after a change is another one.
 */
export function requestIdOfDraft(draft: Draft, facts: Pick<FactsView, 'get'>): string {
  if (draft.target === 'reservation') return draft.requestId ?? uuidv5(LOOPS, `${draft.stream} ${JSON.stringify(draft.command)}`);
  const revision = facts.get(draft.key)?.revision ?? 'none';
  return uuidv5(LOOPS, `${streamOf(draft.key)} ${revision} ${JSON.stringify(whatOf(draft))}`);
}

function whatOf(draft: Extract<Draft, { target: 'object' }>): readonly unknown[] {
  if ('action' in draft) return [draft.action, draft.payload];
  if (draft.verb === 'create') return ['create', draft.object];
  return draft.propagationPolicy === undefined ? ['delete', draft.uid] : ['delete', draft.uid, draft.propagationPolicy];
}

/** By the name of the loop: its commands share one. */
const actors = new Map<string, Actor>();

function loopActor(loop: string): Actor {
  let actor = actors.get(loop);
  if (actor === undefined) actors.set(loop, (actor = Object.freeze({ user: `system:loop:${loop}`, verified: true })));
  return actor;
}

/**
 * The envelope without the command. The loop acts for the actor of `trigger`, in the same correlation. There is none after a start, or when only time
 * has passed: then the loop acts for nobody.
 */
export function sentFor(loop: string, requestId: string, trigger: Append | undefined): Sent {
  const actor = loopActor(loop);
  const cause = trigger?.events.at(-1);
  if (cause === undefined) return { requestId, actor, correlationId: requestId, causationId: requestId };
  const { metadata, id } = cause;
  return {
    requestId,
    actor,
    onBehalfOf: metadata.onBehalfOf ?? metadata.actor,
    correlationId: metadata.$correlationId,
    causationId: id,
    ...(metadata.traceparent !== undefined && { traceparent: metadata.traceparent }),
  };
}

export type Sent = Omit<CommandEnvelope, 'command' | 'timeoutMs' | 'after'>;
