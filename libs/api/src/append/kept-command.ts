/**
 * Commands in the log (DESIGN 10.26): the first event of an append carries the command that it came from, or what rebuilds it. Nobody could add it
 * later, and it is needed to explain why something happened and to try what another command would have done.
 *
 * What the log holds anyway is not kept: the object of a creation or replacement (it is in the events, or it is the object after that append), and
 * the payload of an action that a control loop or the system sends (it follows from the state).
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
  /** `resourceVersion` is the one that was sent: the object after the append has a newer one. */
  | { verb: 'replace'; subresource?: 'status'; resourceVersion?: string; options?: WriteOptions }
  | Omit<CommandOf<'patch'>, 'key'>
  | Omit<CommandOf<'delete'>, 'key'>
  | { verb: 'act'; action: string; payload?: JsonObject }
  | { verb: ObjectCommand['verb']; cut: true }
>;

/** Bound of a command as JSON. Only the verb of a larger one is kept. */
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
 * The command that this append came from. Decided again on the state before the append, with the same request id, time and view, it gives the same
 * facts. `after` is the state after the append. Undefined when the log does not hold the command: it was cut or not kept, or an older version made
 * the append.
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

/** The object that a replacement sent. It has a status only when the status was replaced. */
function sentObject(after: ApiObject, { resourceVersion, subresource }: Extract<KeptCommand, { verb: 'replace' }>): JsonObject {
  const { metadata, status, ...content } = after;
  const { name, namespace, labels, annotations, finalizers, ownerReferences } = metadata;
  // Given back as they became, they lead to the same ones.
  const managedFields = metadata.managedFields?.length === 0 ? [{}] : metadata.managedFields;
  const sent = { name, namespace, resourceVersion, labels, annotations, finalizers, ownerReferences, managedFields };
  const given = Object.fromEntries(Object.entries(sent).filter(([, value]) => value !== undefined)) as JsonObject;
  return { ...content, metadata: given, ...(subresource === 'status' && status !== undefined && { status }) };
}

/** Whether Weft itself acted, and not an agent: then the command follows from the log or the clock. */
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

/** JSON that a store refuses in an event: a key that changes prototypes, or half a surrogate pair (as JSON.stringify writes it). */
const UNSTORABLE = /"__proto__":|\\ud[89a-f]/i;

function cutToSize(kept: KeptCommand): KeptCommand {
  const text = JSON.stringify(kept);
  const tooLarge = text.length > KEPT_COMMAND_BYTES_MAX || Buffer.byteLength(text) > KEPT_COMMAND_BYTES_MAX;
  return tooLarge || UNSTORABLE.test(text) ? { verb: kept.verb, cut: true } : kept;
}
