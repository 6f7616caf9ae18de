/** Names and uids of the objects that commands are about. Both derive from the request, so that a repeat means the same object. */
import { createdType } from '../fold/common-events.ts';
import type { Accepted, DecideContext, Folded } from '../kind/kind.ts';
import { type ObjectKey, streamOf } from '../kind/object.ts';
import type { JsonValue } from '../log/json.ts';
import { isObject } from '../patch/merge-patch.ts';
import type { ObjectCommand } from './deciding.ts';
import { generatedName } from './metadata.ts';

/** How many generated names are tried when they are taken; as many as upstream tries. */
export const GENERATED_NAMES_MAX = 8;

/** `attempt` counts up when a generated name was taken by someone else. A creation without any name gets the empty one, which the rules refuse. */
export function keyOfCommand(command: ObjectCommand, derive: (label: string) => string, attempt = 0): ObjectKey {
  if (command.verb !== 'create') return command.key;
  const { kind, namespace, object } = command;
  const { name, generateName } = (isObject(object['metadata']) ? object['metadata'] : {}) as { name?: JsonValue; generateName?: JsonValue };
  const chosen =
    typeof name === 'string' && name !== ''
      ? name
      : typeof generateName === 'string' && generateName !== ''
        ? generatedName(generateName, derive(attempt === 0 ? 'name' : `name/${attempt}`))
        : '';
  return namespace === undefined ? { kind, name: chosen } : { kind, namespace, name: chosen };
}

/** True when another name may be tried after AlreadyExists. */
export function hasGeneratedName(command: ObjectCommand): boolean {
  if (command.verb !== 'create' || !isObject(command.object['metadata'])) return false;
  const { name, generateName } = command.object['metadata'];
  return (name === undefined || name === null || name === '') && typeof generateName === 'string' && generateName !== '';
}

/** uid of the object that a request creates under a name. Even if a client reuses an `Idempotency-Key` for several names, no two objects share a uid. */
export function uidOfNew(key: ObjectKey, derive: (label: string) => string): string {
  return derive(`uid ${streamOf(key)}`);
}

/** uid of the incarnation that an accepted decision's facts belong to; undefined for facts on a stream without one (ClaimAbandoned). */
export function uidOfDecision(
  command: ObjectCommand,
  before: Folded,
  decision: Accepted,
  context: Pick<DecideContext, 'derive'>,
): string | undefined {
  if (before.status === 'live') return before.object.metadata.uid;
  const type = createdType(before.key.kind);
  const birth = decision.facts.find((fact) => fact.type === type);
  const { uid } = (birth?.data['metadata'] ?? {}) as { uid?: string };
  return uid ?? (birth !== undefined || command.verb === 'create' ? uidOfNew(before.key, context.derive) : undefined);
}
