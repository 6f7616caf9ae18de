/**
 * What an owner makes of a command about one object: the full object after defaults and rules, and the facts in which it differs (DESIGN 9.6).
 * Pure: everything that is not in the command or the state comes with the context.
 *
 *   create, replace, patch ──> object ──> defaults ──> rules ──> difference ──> facts
 *   delete ──> DeletionRequested, or the end        act ──> the kind's own decision
 *                                                        └──> the end, when it removed the last finalizer of a deleted object
 */
import { ABANDON_CLAIMS, decideAbandonClaims } from '../claims/abandoned-claims.ts';
import type { Command } from '../command/command.ts';
import { createdType, deletionRequested, endedType, generationChanged, statusReplaced, wholeSeconds } from '../fold/common-events.ts';
import { advance } from '../fold/evolve.ts';
import type { Accepted, DecideContext, Decision, Fact, Folded, KindModule, RecentRequest, Rejected } from '../kind/kind.ts';
import { type ApiObject, type ObjectKey, type ObjectMeta, streamOf } from '../kind/object.ts';
import type { JsonObject, JsonValue } from '../log/json.ts';
import { applyJsonPatch, OPERATIONS_MAX } from '../patch/json-patch.ts';
import { isObject, mergePatch } from '../patch/merge-patch.ts';
import { strategicMerge } from '../patch/strategic-merge.ts';
import type { Registry } from '../registry/registry.ts';
import { invalid } from '../status/field-errors.ts';
import type { Status } from '../status/status.ts';
import {
  alreadyExists,
  badRequest,
  conflict,
  forbiddenStatus,
  invalidStatus,
  methodNotAllowed,
  namespaceNotFound,
  namespaceTerminating,
  notFound,
  requestTooLarge,
  serverTimeout,
  unappliable,
  unsupportedMediaType,
} from '../status/statuses.ts';
import { sameJson } from '../values/equal.ts';
import { decodeObject } from './decode-object.ts';
import { generatedName, metadataErrors, metadataFacts, metadataUpdateErrors } from './metadata.ts';

export type ObjectCommand = Exclude<Command, { verb: 'reserve' }>;

/** The request was carried out before: answer with what it did (http-api: `Idempotency-Key`). */
export type Repeated = Readonly<{ outcome: 'repeated'; request: RecentRequest }>;

/** Of an object as JSON: it must fit into one append and one message, with room for what its owner adds (DESIGN 9.19). */
export const OBJECT_BYTES_MAX = 900_000;

/** Upstream tries a generated name that is taken again as often. */
export const GENERATED_NAMES_MAX = 8;

/**
 * The object a command is about. A generated name derives from the request, so that a repeat means the same object; `attempt` counts up when a name
 * was taken by someone else. A creation without any name gets the empty one, which the rules refuse.
 */
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

/** uid of the object that a request makes under a name. A client may reuse a key for several names: no two objects share a uid even so. */
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
  const creates = decision.facts.some(({ type }) => type === createdType(before.key.kind));
  return creates || command.verb === 'create' ? uidOfNew(before.key, context.derive) : undefined;
}

/** `before` is the state of the object's stream with its recent requests. */
export function decideObject(registry: Registry, command: ObjectCommand, before: Folded, context: DecideContext): Decision | Repeated {
  const repeated = before.requests.find(({ requestId }) => requestId === context.requestId);
  const kind = registry.kind(before.key.kind) as KindModule;
  if (repeated !== undefined) {
    if (repeated.abandoned !== true) return { outcome: 'repeated', request: repeated };
    return rejected(serverTimeout(kind, command.verb, 'an earlier attempt of this request was given up; send it as a new one'));
  }
  const decision = decideVerb(registry, kind, command, before, context);
  return decision.outcome === 'rejected' ? decision : finish(registry, kind, before, decision, context);
}

function decideVerb(registry: Registry, kind: KindModule, command: ObjectCommand, before: Folded, context: DecideContext): Decision {
  switch (command.verb) {
    case 'create':
      return decideCreate(registry, kind, command, before, context);
    case 'replace':
      return decideReplace(kind, command, before, context);
    case 'patch':
      return decidePatch(kind, command, before, context);
    case 'delete':
      return decideDelete(kind, command, before, context);
    case 'act':
      return decideAction(kind, command, before, context);
  }
}

// --- create -------------------------------------------------------------------------------------------------------------------------------------

function decideCreate(
  registry: Registry,
  kind: KindModule,
  command: Extract<ObjectCommand, { verb: 'create' }>,
  before: Folded,
  context: DecideContext,
): Decision {
  const { key } = before;
  const oversize = tooLarge(command.object);
  if (oversize !== undefined) return oversize;
  const decoded = decodeObject(kind, command.object, command.options?.fieldValidation, 'undecodable', key.name);
  if (!decoded.ok) return rejected(decoded.status);
  const { sent } = decoded;
  if (sent.resourceVersion !== undefined) return rejected(badRequest('resourceVersion should not be set on objects to be created'));
  const misplaced = wrongNamespace(kind, sent.namespace, command.namespace);
  if (misplaced !== undefined) return rejected(misplaced);
  const object = decoded.object;
  object.metadata.name = key.name;
  if (kind.namespaced && command.namespace !== undefined) object.metadata.namespace = command.namespace;
  delete object.status;
  const closed = closedNamespace(registry, kind, key, context);
  if (closed !== undefined) return closed;
  const errors = [...metadataErrors(kind, object), ...kind.rules(object)];
  if (errors.length > 0) return rejected(invalidStatus(kind, key.name, errors));
  if (before.status === 'live') return rejected(alreadyExists(kind, key.name));

  const { uid: _uid, resourceVersion: _version, creationTimestamp: _time, ...meta } = object.metadata;
  const metadata: Omit<ObjectMeta, 'resourceVersion'> = {
    ...meta,
    uid: uidOfNew(key, context.derive),
    ...(kind.tracksGeneration && { generation: 1 }),
    creationTimestamp: wholeSeconds(context.now),
  };
  object.metadata = { ...metadata, resourceVersion: '' };
  const birth: Fact = {
    type: createdType(kind.kind),
    data: { metadata: metadata as unknown as JsonObject, ...(object.spec !== undefined && { spec: object.spec }), ...topLevel(object) },
  };
  const more = kind.onCreate?.(object, context);
  if (more?.outcome === 'rejected') return more;
  return {
    ...more,
    outcome: 'accepted',
    facts: [birth, ...(more?.facts ?? [])],
    warnings: [...decoded.warnings, ...(more?.warnings ?? [])],
  };
}

/** Seen before anything looks into the object. What shrinks one is always taken. */
function tooLarge(object: JsonValue, before?: JsonObject): Rejected | undefined {
  const bytes = bytesOf(object);
  if (bytes <= OBJECT_BYTES_MAX || (before !== undefined && bytes <= bytesOf(before))) return undefined;
  return rejected(requestTooLarge(`Request entity too large: limit is ${OBJECT_BYTES_MAX}`));
}

const bytesOf = (object: JsonValue) => Buffer.byteLength(JSON.stringify(object));

function withoutStatus({ status: _, ...others }: JsonObject): JsonObject {
  return others;
}

/** Fields beside spec and status (kinds without that split). */
function topLevel(object: ApiObject): JsonObject {
  const { apiVersion: _a, kind: _k, metadata: _m, spec: _s, status: _t, ...others } = object;
  return others as JsonObject;
}

function wrongNamespace(kind: KindModule, sent: string | undefined, namespace: string | undefined): Status | undefined {
  if (!kind.namespaced || sent === undefined || sent === namespace) return undefined;
  return badRequest('the namespace of the provided object does not match the namespace sent on the request');
}

/** A namespace that is missing or going takes nothing new. The view may lag, so the refusal is marked as resting on it. */
function closedNamespace(registry: Registry, kind: KindModule, key: ObjectKey, context: DecideContext): Rejected | undefined {
  if (!kind.namespaced || key.namespace === undefined || registry.kind('Namespace') === undefined) return undefined;
  const namespace = context.facts.get({ kind: 'Namespace', name: key.namespace });
  if (namespace?.status !== 'live') return { ...rejected(namespaceNotFound(key.namespace)), restsOnFacts: true };
  if (namespace.object.metadata.deletionTimestamp === undefined) return undefined;
  return { ...rejected(namespaceTerminating(kind, key.name, key.namespace)), restsOnFacts: true };
}

// --- replace and patch --------------------------------------------------------------------------------------------------------------------------

type Write = Extract<ObjectCommand, { verb: 'replace' | 'patch' }>;

function decideReplace(
  kind: KindModule,
  command: Extract<ObjectCommand, { verb: 'replace' }>,
  before: Folded,
  context: DecideContext,
): Decision {
  const refused = refusedSubresource(kind, command, before, context);
  if (refused !== undefined) return refused;
  return decideUpdate(kind, command, command.object, before, context, 'must');
}

function decidePatch(
  kind: KindModule,
  command: Extract<ObjectCommand, { verb: 'patch' }>,
  before: Folded,
  context: DecideContext,
): Decision {
  const refused = refusedSubresource(kind, command, before, context);
  if (refused !== undefined) return refused;
  if (before.status !== 'live') return rejected(notFound(kind, before.key.name));
  const { patch, patchType } = command;
  const present = before.object as unknown as JsonObject;
  switch (patchType) {
    case 'merge': {
      if (!isObject(patch)) return rejected(badRequest('a JSON merge patch must be an object'));
      return decideUpdate(kind, command, mergePatch(present, patch), before, context, 'may', namesVersion(patch));
    }
    case 'json': {
      if (!Array.isArray(patch)) return rejected(badRequest('a JSON patch must be a list of operations'));
      if (patch.length > OPERATIONS_MAX) {
        const message = `The allowed maximum operations in a JSON patch is ${OPERATIONS_MAX}, got ${patch.length}`;
        return rejected(requestTooLarge(message));
      }
      const patched = applyJsonPatch(present, patch);
      if (!patched.ok) return rejected(unappliable(patched.why));
      return decideUpdate(kind, command, patched.value, before, context, 'may', true);
    }
    case 'strategic': {
      if (kind.strategicMerge === undefined) {
        return rejected(unsupportedMediaType(['application/json-patch+json', 'application/merge-patch+json']));
      }
      if (!isObject(patch)) return rejected(badRequest('a strategic merge patch must be an object'));
      const merged = strategicMerge(present, patch, kind.strategicMerge);
      if (!merged.ok) return rejected(badRequest(`unable to apply the strategic merge patch: ${merged.why}`));
      return decideUpdate(kind, command, merged.value, before, context, 'may', namesVersion(patch));
    }
  }
}

function namesVersion(patch: JsonObject): boolean {
  return isObject(patch['metadata']) && patch['metadata']['resourceVersion'] !== undefined;
}

/** 404 where the kind has no status; 403 for everybody while Weft is its own provider (resources 3.13). */
function refusedSubresource(kind: KindModule, command: Write, before: Folded, context: DecideContext): Rejected | undefined {
  if (command.subresource !== 'status') return undefined;
  if (!kind.hasStatus) return rejected(notFound(kind, before.key.name));
  if (context.externalProvider === true) return undefined;
  return rejected(forbiddenStatus(kind, before.key.name, 'status is written by the owning service alone'));
}

/**
 * `version`: `must` be named by the new object (PUT), or `may` be (PATCH). A patched object carries the present resourceVersion unless the patch
 * itself names one; `versionNamed` says whether it can differ at all.
 */
function decideUpdate(
  kind: KindModule,
  command: Write,
  whole: JsonValue,
  before: Folded,
  context: DecideContext,
  version: 'must' | 'may',
  versionNamed = true,
): Decision {
  const { key } = before;
  const present = before.status === 'live' ? (before.object as unknown as JsonObject) : undefined;
  // Who changes something else gives the status back as it is. It is its owner's, and no limit on what clients write counts it.
  const keepsStatus = command.subresource !== 'status';
  const value = keepsStatus && isObject(whole) && sameJson(whole['status'], present?.['status']) ? withoutStatus(whole) : whole;
  const oversize = tooLarge(value, keepsStatus && present !== undefined ? withoutStatus(present) : present);
  if (oversize !== undefined) return oversize;
  const unknownIs = command.verb === 'patch' ? 'invalid' : 'undecodable';
  const decoded = decodeObject(kind, value, command.options?.fieldValidation, unknownIs);
  if (!decoded.ok) return rejected(decoded.status);
  const { sent } = decoded;
  const namedOtherwise = sent.name !== key.name && !(command.verb === 'replace' && sent.name === undefined);
  if (namedOtherwise && sent.name !== undefined) {
    return rejected(badRequest(`the name of the object (${sent.name}) does not match the name on the URL (${key.name})`));
  }
  const misplaced = wrongNamespace(kind, sent.namespace, key.namespace);
  if (misplaced !== undefined) return rejected(misplaced);
  if (before.status !== 'live') return rejected(notFound(kind, key.name));
  const old = before.object.metadata;
  if (sent.uid !== undefined && sent.uid !== old.uid) {
    const why = `Precondition failed: UID in precondition: ${sent.uid}, UID in object meta: ${old.uid}`;
    return rejected(conflict(kind, key.name, why));
  }
  if (sent.resourceVersion === undefined) {
    if (version === 'must' && kind.kind !== 'Namespace') {
      return rejected(invalidStatus(kind, key.name, [invalid('metadata.resourceVersion', 0, 'must be specified for an update')]));
    }
  } else if (versionNamed && sent.resourceVersion !== old.resourceVersion) {
    if (!/^[0-9]+$/.test(sent.resourceVersion)) {
      const detail = 'must be the resourceVersion of the object';
      return rejected(invalidStatus(kind, key.name, [invalid('metadata.resourceVersion', sent.resourceVersion, detail)]));
    }
    return rejected(conflict(kind, key.name));
  }
  if (command.subresource === 'status') return decideStatus(kind, decoded.object, before, decoded.warnings);
  return decideChange(kind, decoded.object, sent, before, decoded.warnings, context);
}

function decideStatus(_kind: KindModule, object: ApiObject, before: Folded, warnings: readonly string[]): Decision {
  if (sameJson(object.status ?? {}, before.object.status ?? {})) return { outcome: 'accepted', facts: [], warnings };
  return { outcome: 'accepted', facts: [statusReplaced(object.status)], warnings };
}

function decideChange(
  kind: KindModule,
  object: ApiObject,
  sent: Readonly<Partial<ObjectMeta>>,
  before: Folded,
  warnings: readonly string[],
  context: DecideContext,
): Decision {
  const old = before.object.metadata;
  const { labels, annotations, finalizers, ownerReferences } = object.metadata;
  const { labels: _l, annotations: _a, finalizers: _f, ownerReferences: _o, ...kept } = old;
  const metadata: ObjectMeta = {
    ...kept,
    ...(labels !== undefined && { labels }),
    ...(annotations !== undefined && { annotations }),
    ...(finalizers !== undefined && finalizers.length > 0 && { finalizers }),
    ...(ownerReferences !== undefined && ownerReferences.length > 0 && { ownerReferences }),
  };
  const after: ApiObject = { ...object, metadata };
  delete after.status;
  if (before.object.status !== undefined) after.status = before.object.status;
  const errors = [...metadataUpdateErrors(old, sent), ...metadataErrors(kind, after), ...kind.rules(after, before.object)];
  if (errors.length > 0) return rejected(invalidStatus(kind, before.key.name, errors));
  const facts = metadataFacts(old, metadata);
  if (sameJson(specOf(before.object), specOf(after))) return { outcome: 'accepted', facts, warnings };
  const change = kind.onChange?.(before, after, context);
  if (change === undefined) return { outcome: 'accepted', facts, warnings };
  if (change.outcome === 'rejected') return change;
  return { ...change, facts: [...facts, ...change.facts], warnings: [...warnings, ...(change.warnings ?? [])] };
}

/** Everything but identity, metadata and status. */
function specOf(object: ApiObject): JsonObject {
  return { ...topLevel(object), ...(object.spec !== undefined && { spec: object.spec }) };
}

// --- delete and act -----------------------------------------------------------------------------------------------------------------------------

function decideDelete(
  kind: KindModule,
  command: Extract<ObjectCommand, { verb: 'delete' }>,
  before: Folded,
  context: DecideContext,
): Decision {
  const { name } = before.key;
  if (before.status !== 'live') return rejected(notFound(kind, name));
  const { metadata } = before.object;
  const { uid, resourceVersion } = command.preconditions ?? {};
  if (uid !== undefined && uid !== metadata.uid) {
    const why = `the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`;
    return rejected(conflict(kind, name, why));
  }
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    const why = `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${metadata.resourceVersion}). The object might have been modified`;
    return rejected(conflict(kind, name, why));
  }
  const veto = kind.onDelete?.(before, context, { force: command.force === true });
  if (veto !== undefined) return rejected(veto);
  if (metadata.deletionTimestamp !== undefined) return { outcome: 'accepted', facts: [] };
  if (isHeld(kind, before.object)) return { outcome: 'accepted', facts: [deletionRequested(wholeSeconds(context.now))] };
  return endOf(kind, before, [], context);
}

function isHeld(kind: KindModule, object: ApiObject): boolean {
  return (object.metadata.finalizers?.length ?? 0) > 0 || kind.holdsDeletion?.(object) === true;
}

function endOf(kind: KindModule, before: Folded, facts: readonly Fact[], context: DecideContext): Accepted {
  const releases = kind.onEnd?.(before, context).releases ?? [];
  return { outcome: 'accepted', facts: [...facts, { type: endedType(kind.kind), data: {} }], ...(releases.length > 0 && { releases }) };
}

function decideAction(
  kind: KindModule,
  command: Extract<ObjectCommand, { verb: 'act' }>,
  before: Folded,
  context: DecideContext,
): Decision {
  if (command.action === ABANDON_CLAIMS) return decideAbandonClaims(before, command.payload);
  const action = kind.actions?.[command.action];
  return action === undefined ? rejected(methodNotAllowed()) : action(before, command.payload, context);
}

// --- what follows from any decision -------------------------------------------------------------------------------------------------------------

/** Counts the generation up, and ends a deleted object that nothing holds any more. */
function finish(registry: Registry, kind: KindModule, before: Folded, decision: Accepted, context: DecideContext): Accepted {
  if (decision.facts.length === 0 || before.status !== 'live') return decision;
  const deleting = before.object.metadata.deletionTimestamp !== undefined;
  const newlyDeleting = !deleting && decision.facts.some(({ type }) => type === 'DeletionRequested.v1');
  if (!deleting && !kind.tracksGeneration) return decision;
  if (decision.facts.some(({ type }) => type === endedType(kind.kind))) return decision;
  const after = foldFacts(registry, before, decision.facts, context);
  if (deleting && !isHeld(kind, after.object)) {
    const end = endOf(kind, after, decision.facts, context);
    return { ...decision, ...end, releases: [...(decision.releases ?? []), ...(end.releases ?? [])] };
  }
  const wants = newlyDeleting || !sameJson(specOf(before.object), specOf(after.object));
  if (!kind.tracksGeneration || !wants) return decision;
  const generation = (before.object.metadata.generation ?? 0) + 1;
  return { ...decision, facts: [...decision.facts, generationChanged(generation)] };
}

/** The state that facts will make, without storing them (dry runs, and what follows from a decision). Positions are those of `before`. */
export function foldFacts(
  registry: Registry,
  before: Folded,
  facts: readonly Fact[],
  context: Pick<DecideContext, 'now' | 'requestId'>,
): Folded {
  let state = before;
  let revision = before.revision === 'none' ? -1n : before.revision;
  facts.forEach(({ type, data }, index) => {
    revision += 1n;
    state = advance(
      registry,
      state,
      {
        id: '',
        type,
        data,
        stream: streamOf(before.key),
        revision,
        position: before.position,
        metadata: {
          actor: { user: '', verified: false },
          requestId: context.requestId,
          $correlationId: '',
          $causationId: '',
          time: context.now,
          append: { index, count: facts.length },
        },
      },
      { requests: false },
    );
  });
  return state;
}

/**
 * What a dry run answers: the object as it would be. A new one has no resourceVersion, a present one keeps its own. Facts that wait for grants
 * are left out.
 */
export function previewOf(
  registry: Registry,
  before: Folded,
  decision: Accepted,
  context: Pick<DecideContext, 'now' | 'requestId'>,
): ApiObject {
  const { object } = foldFacts(registry, before, decision.facts, context);
  const resourceVersion = before.status === 'live' ? before.object.metadata.resourceVersion : '';
  const metadata: Partial<ObjectMeta> = { ...object.metadata, resourceVersion };
  if (resourceVersion === '') delete metadata.resourceVersion;
  return { ...object, metadata: metadata as ObjectMeta };
}

export function rejected(status: Status): Rejected {
  return { outcome: 'rejected', status };
}

export function accepted(facts: readonly Fact[], more: Omit<Accepted, 'outcome' | 'facts'> = {}): Accepted {
  return { outcome: 'accepted', facts, ...more };
}
