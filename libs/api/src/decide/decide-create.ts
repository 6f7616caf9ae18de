/** Decides a creation: takes the object as it was sent, adds defaults and what the kind adds. */
import { createdType, statusReplaced, wholeSeconds } from '../fold/common-events.ts';
import type { Decision, Fact, Rejected } from '../kind/kind.ts';
import { kindRef } from '../kind/kind-types.ts';
import { type ApiObject, asJson, type ObjectMeta } from '../kind/object.ts';
import { alreadyExists, badRequest, invalidStatus, namespaceNotFound, namespaceTerminating } from '../status/statuses.ts';
import { withFields } from '../values/with-fields.ts';
import { type CommandOf, contentOf, type Deciding, rejected, tooLarge, withoutConditions, wrongNamespace } from './deciding.ts';
import { decodeObject } from './decode-object.ts';
import { metadataErrors } from './metadata.ts';
import { uidOfNew } from './naming.ts';

export function decideCreate(on: Deciding, command: CommandOf<'create'>): Decision {
  const { kind, before, context } = on;
  const { key } = before;
  const oversize = tooLarge(command.object);
  if (oversize !== undefined) return oversize;
  const decoded = decodeObject(kind, command.object, {
    fieldValidation: command.options?.fieldValidation,
    unknownIs: 'undecodable',
    name: key.name,
  });
  if (!decoded.ok) return rejected(decoded.status);
  const { sent, object, warnings } = decoded;
  if (sent.resourceVersion !== undefined) return rejected(badRequest('resourceVersion should not be set on objects to be created'));
  const misplaced = wrongNamespace(kind, sent.namespace, command.namespace);
  if (misplaced !== undefined) return rejected(misplaced);
  object.metadata.name = key.name;
  if (kind.namespaced && command.namespace !== undefined) object.metadata.namespace = command.namespace;
  delete object.status;
  const closed = closedNamespace(on);
  if (closed !== undefined) return closed;
  const errors = metadataErrors(kind, object).concat(kind.rules(object));
  if (errors.length > 0) return rejected(invalidStatus(kind, key.name, errors));
  if (before.status === 'live') return rejected(alreadyExists(kind, key.name));

  const metadata = metadataOfNew(on, object);
  object.metadata = withFields(metadata, { resourceVersion: '' });
  const birth: Fact = { type: createdType(kind.kind), data: { metadata: asJson(metadata), ...contentOf(object) } };
  const more = kind.onCreate?.(object, context);
  if (more?.outcome === 'rejected') return more;
  return {
    ...more,
    outcome: 'accepted',
    facts: withFirstStatus(on, [birth, ...(more?.facts ?? [])]),
    warnings: [...warnings, ...(more?.warnings ?? [])],
  };
}

/** An outside provider finds its own first status, and nothing that Weft says of what its provider will do. */
function withFirstStatus(on: Deciding, facts: readonly Fact[]): readonly Fact[] {
  const { registry, kind } = on;
  const { providerStatus } = kind;
  if (registry.provider === 'weft' || providerStatus?.first === undefined) return facts;
  return [...withoutConditions(on, facts), statusReplaced(providerStatus.first)];
}

function metadataOfNew({ kind, before, context }: Deciding, object: ApiObject): Omit<ObjectMeta, 'resourceVersion'> {
  const { uid: _uid, resourceVersion: _version, creationTimestamp: _time, ...meta } = object.metadata;
  const uid = uidOfNew(before.key, context.derive);
  const creationTimestamp = wholeSeconds(context.now);
  return withFields(meta, kind.tracksGeneration ? { uid, generation: 1, creationTimestamp } : { uid, creationTimestamp });
}

const NAMESPACE = kindRef('Namespace');

/** Nothing is created in a namespace that is missing or being deleted. The view may lag, so the refusal is marked as resting on it. */
function closedNamespace({ registry, kind, before, context }: Deciding): Rejected | undefined {
  const { key } = before;
  if (!kind.namespaced || key.namespace === undefined || registry.kind('Namespace') === undefined) return undefined;
  const namespace = context.facts.get(NAMESPACE, { name: key.namespace });
  if (namespace?.status !== 'live') return { ...rejected(namespaceNotFound(key.namespace)), restsOnFacts: true };
  if (namespace.object.metadata.deletionTimestamp === undefined) return undefined;
  return { ...rejected(namespaceTerminating(kind, key.name, key.namespace)), restsOnFacts: true };
}
