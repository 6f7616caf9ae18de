/**
 * Commands in the log (DESIGN 10.26): the first event of an append carries the command that it came from, or what rebuilds it, since history cannot
 * be completed later and "why" and "what if" need it.
 *
 * Not kept is what the log has anyway: the object of a creation or replacement (it is in the events, or the object after that append), and what
 * control loops and the system send with an action (they are asked again).
 */
import type { Command, WriteOptions } from '../command/command.ts';
import type { CommandOf, ObjectCommand } from '../decide/deciding.ts';
import { createdType } from '../fold/common-events.ts';
import type { Folded } from '../kind/kind.ts';
import type { ApiObject } from '../kind/object.ts';
import { keyOfStream, type ObjectKey } from '../kind/object.ts';
import type { Actor, RecordedEvent } from '../log/envelope.ts';
import type { JsonObject, JsonValue } from '../log/json.ts';
import { isObject } from '../patch/merge-patch.ts';

export type KeptCommand = Readonly<
  | { verb: 'create'; options?: WriteOptions }
  /** `resourceVersion` as it was sent: the object after the append has a newer one. */
  | { verb: 'replace'; subresource?: 'status'; resourceVersion?: string; options?: WriteOptions }
  | Omit<CommandOf<'patch'>, 'key'>
  | Omit<CommandOf<'delete'>, 'key'>
  | { verb: 'act'; action: string; payload?: JsonObject }
  | { verb: ObjectCommand['verb']; cut: true }
>;

/** Of a command as JSON. A larger one is cut. */
export const KEPT_COMMAND_BYTES_MAX = 65_536;

export function keptCommand(command: ObjectCommand, actor: Actor): KeptCommand {
  switch (command.verb) {
    case 'create':
      return { verb: 'create', ...optionsOf(command) };
    case 'replace':
      return { verb: 'replace', ...subresourceOf(command), ...versionOf(command.object), ...optionsOf(command) };
    case 'patch':
      return cutToSize({
        verb: 'patch',
        patchType: command.patchType,
        patch: command.patch,
        ...subresourceOf(command),
        ...optionsOf(command),
      });
    case 'delete': {
      const { key: _, ...kept } = command;
      return cutToSize(kept);
    }
    case 'act': {
      const { verb, action, payload } = command;
      return isSystem(actor) ? { verb, action } : cutToSize({ verb, action, payload });
    }
  }
}

/**
 * The command that this append came from: decided again on the state before it, with the same request id, time and view, it gives the same facts.
 * `after` is the state that the append left. Undefined when the log does not hold it: cut, not kept, or appended by an older version.
 */
export function commandOf(append: Readonly<{ events: readonly RecordedEvent[] }>, after: Folded): ObjectCommand | undefined {
  const [first] = append.events;
  const kept = first?.metadata.command;
  const key = first && keyOfStream(first.stream);
  if (first === undefined || kept === undefined || key === undefined || 'cut' in kept) return undefined;
  switch (kept.verb) {
    case 'create':
      return creation(kept, key, first);
    case 'replace':
      return { verb: 'replace', key, object: sentObject(after.object, kept), ...subresourceOf(kept), ...optionsOf(kept) };
    case 'act':
      return kept.payload === undefined ? undefined : { verb: 'act', key, action: kept.action, payload: kept.payload };
    default:
      return { ...kept, key };
  }
}

function creation(kept: Extract<KeptCommand, { verb: 'create' }>, { kind, namespace }: ObjectKey, first: RecordedEvent) {
  if (first.type !== createdType(kind)) return undefined;
  const { metadata, ...content } = first.data;
  const { uid: _u, generation: _g, creationTimestamp: _c, ...sent } = metadata as JsonObject;
  return {
    verb: 'create',
    kind,
    ...(namespace !== undefined && { namespace }),
    object: { metadata: sent, ...content },
    ...optionsOf(kept),
  } as const satisfies Command;
}

/** What a replacement sent: with the status only when it was a replacement of the status. */
function sentObject(after: ApiObject, { resourceVersion, subresource }: Extract<KeptCommand, { verb: 'replace' }>): JsonObject {
  const { metadata, status, ...content } = after;
  const { name, namespace, labels, annotations, finalizers, ownerReferences } = metadata;
  const sent = { name, namespace, resourceVersion, labels, annotations, finalizers, ownerReferences };
  const given = Object.fromEntries(Object.entries(sent).filter(([, value]) => value !== undefined)) as JsonObject;
  return { ...content, metadata: given, ...(subresource === 'status' && status !== undefined && { status }) };
}

/** Ours, not an agent's: what it does follows from the log or the clock. */
function isSystem({ user, verified }: Actor): boolean {
  return verified && user.startsWith('system:') && !user.startsWith('system:host:');
}

function optionsOf({ options }: Readonly<{ options?: WriteOptions }>): { options?: WriteOptions } {
  return options === undefined ? {} : { options };
}

function subresourceOf({ subresource }: Readonly<{ subresource?: 'status' }>): { subresource?: 'status' } {
  return subresource === undefined ? {} : { subresource };
}

function versionOf({ metadata }: JsonObject): { resourceVersion?: string } {
  const version: JsonValue | undefined = isObject(metadata) ? metadata['resourceVersion'] : undefined;
  return typeof version === 'string' ? { resourceVersion: version } : {};
}

/** What a store refuses in an event: a key that changes prototypes, and half a surrogate pair (as JSON.stringify writes it). */
const UNSTORABLE = /"__proto__":|\\ud[89a-f]/i;

function cutToSize(kept: KeptCommand): KeptCommand {
  const text = JSON.stringify(kept);
  const tooLarge = text.length > KEPT_COMMAND_BYTES_MAX || Buffer.byteLength(text) > KEPT_COMMAND_BYTES_MAX;
  return tooLarge || UNSTORABLE.test(text) ? { verb: kept.verb, cut: true } : kept;
}
