/** Decides replacements and patches: makes the whole object that they ask for, and finds the facts in which it differs from the present one. */
import { statusReplaced } from '../fold/common-events.ts';
import { presentationOf } from '../kind/assembly.ts';
import type { Decision, Fact, Rejected } from '../kind/kind.ts';
import { type ApiObject, asJson, type ObjectMeta } from '../kind/object.ts';
import type { JsonObject, JsonValue } from '../log/json.ts';
import { meansVersion } from '../log/resource-version.ts';
import { withManagers } from '../managers/managers.ts';
import { applyJsonPatch, OPERATIONS_MAX } from '../patch/json-patch.ts';
import { isObject, mergePatch } from '../patch/merge-patch.ts';
import { strategicMerge } from '../patch/strategic-merge.ts';
import { invalid } from '../status/field-errors.ts';
import {
  badRequest,
  conflict,
  forbiddenStatus,
  invalidStatus,
  noStrategicMerge,
  notFound,
  otherName,
  requestTooLarge,
  unappliable,
} from '../status/statuses.ts';
import { sameJson } from '../values/equal.ts';
import { decideApply } from './decide-apply.ts';
import { managersAfterUpdate } from './decide-managers.ts';
import { type CommandOf, contentOf, type Deciding, rejected, tooLarge, withoutConditions, wrongNamespace } from './deciding.ts';
import { type DecodeResult, decodeObject } from './decode-object.ts';
import { metadataErrors, metadataFacts, metadataUpdateErrors } from './metadata.ts';

type Write = CommandOf<'replace' | 'patch'>;
type Decoded = Extract<DecodeResult, { ok: true }>;

/**
 * What the resourceVersion of the new object must be. A patched object carries the present one unless the patch itself names another:
 * `present` says that it cannot differ.
 */
type VersionRule = 'required' | 'compared' | 'present';

export function decideReplace(on: Deciding, command: CommandOf<'replace'>): Decision {
  return refusedSubresource(on, command) ?? decideUpdate(on, command, command.object, 'required');
}

/** The facts about the managers of fields that follow from a change, or why it is refused. */
type Managing = (present: ApiObject, after: ApiObject, sent: Readonly<Partial<ObjectMeta>>) => readonly Fact[] | Rejected;

export function decidePatch(on: Deciding, command: CommandOf<'patch'>): Decision {
  const refused = refusedSubresource(on, command);
  if (refused !== undefined) return refused;
  const { kind, before } = on;
  const { patch, patchType } = command;
  if (patchType === 'apply') return decideApply(on, command, (value, facts) => decideUpdate(on, command, value, 'compared', () => facts));
  if (before.status !== 'live') return rejected(notFound(kind, before.key.name));
  const present = asJson(presentationOf(kind, before).whole);
  switch (patchType) {
    case 'merge': {
      if (!isObject(patch)) return rejected(badRequest('a JSON merge patch must be an object'));
      return decideUpdate(on, command, mergePatch(present, patch), versionRuleOf(patch));
    }
    case 'json': {
      if (!Array.isArray(patch)) return rejected(badRequest('a JSON patch must be a list of operations'));
      if (patch.length > OPERATIONS_MAX) {
        const message = `The allowed maximum operations in a JSON patch is ${OPERATIONS_MAX}, got ${patch.length}`;
        return rejected(requestTooLarge(message));
      }
      const patched = applyJsonPatch(patch.some(namesManagers) ? asJson(withManagersOf(on)) : present, patch);
      if (!patched.ok) return rejected(unappliable(patched.why));
      return decideUpdate(on, command, patched.value, 'compared');
    }
    case 'strategic': {
      if (kind.strategicMerge === undefined) {
        return rejected(noStrategicMerge(kind, ['application/json-patch+json', 'application/merge-patch+json']));
      }
      if (!isObject(patch)) return rejected(badRequest('a strategic merge patch must be an object'));
      const merged = strategicMerge(present, patch, kind.strategicMerge);
      if (!merged.ok) return rejected(badRequest(`unable to apply the strategic merge patch: ${merged.why}`));
      return decideUpdate(on, command, merged.value, versionRuleOf(patch));
    }
  }
}

/** Whether an operation reads or writes `metadata.managedFields`, which are left out of the object otherwise. */
function namesManagers(operation: JsonValue): boolean {
  if (!isObject(operation)) return false;
  return [operation['path'], operation['from']].some((path) => typeof path === 'string' && path.startsWith('/metadata/managedFields'));
}

function withManagersOf({ kind, before }: Deciding): ApiObject {
  return withManagers(kind, presentationOf(kind, before).whole, before);
}

function versionRuleOf(patch: JsonObject): VersionRule {
  return isObject(patch['metadata']) && patch['metadata']['resourceVersion'] !== undefined ? 'compared' : 'present';
}

/** 404 where the kind has no status; 403 for everybody while Weft is its own provider, and where the status says what Weft itself does (resources 3.13). */
function refusedSubresource({ registry, kind, before, context }: Deciding, command: Write): Rejected | undefined {
  if (command.subresource !== 'status') return undefined;
  if (!kind.hasStatus) return rejected(notFound(kind, before.key.name));
  if (kind.providerStatus === undefined)
    return rejected(forbiddenStatus(kind, before.key.name, 'status is written by the owning service alone'));
  if (registry.provider === 'external' || context.externalProvider === true) return undefined;
  const why = 'status is written by the owning service alone, unless all of Weft was started with WEFT_PROVIDER=external';
  return rejected(forbiddenStatus(kind, before.key.name, why));
}

function decideUpdate(on: Deciding, command: Write, asked: JsonValue, version: VersionRule, managing?: Managing): Decision {
  const { kind, before } = on;
  const { object, value: whole } = keptUnlessChanged(on, asked);
  const present = before.status === 'live' ? asJson(object) : undefined;
  // A write to the rest of the object may send the present status along. The owner wrote that, so it does not count for the limit on clients.
  const keepsStatus = command.subresource !== 'status';
  const value = keepsStatus && isObject(whole) && sameJson(whole['status'], present?.['status']) ? withoutStatus(whole) : whole;
  const oversize = tooLarge(value, keepsStatus && present !== undefined ? withoutStatus(present) : present);
  if (oversize !== undefined) return oversize;
  const decoded = decodeObject(kind, value, {
    fieldValidation: command.options?.fieldValidation,
    unknownIs: command.verb === 'patch' ? 'invalid' : 'undecodable',
  });
  if (!decoded.ok) return rejected(decoded.status);
  const refused = refusedIdentity(on, command, decoded.sent) ?? refusedVersion(on, decoded.sent, version);
  if (refused !== undefined) return refused;
  const managed: Managing = managing ?? ((was, after, sent) => managersAfterUpdate(on, command, was, after, sent));
  return command.subresource === 'status' ? decideStatus(on, decoded, managed) : decideChange(on, object, decoded, managed);
}

/**
 * The present object and the one that is asked for. What is assembled when it is read is left out of both unless the write changes it, so that labels
 * of an object with 20,000 destinations are changed like any others.
 */
function keptUnlessChanged({ kind, before }: Deciding, value: JsonValue): Readonly<{ object: ApiObject; value: JsonValue }> {
  if (kind.assembly === undefined || before.status !== 'live') return { object: before.object, value };
  const { whole } = presentationOf(kind, before);
  if (!isObject(value) || !sameJson(besideMetadata(value), besideMetadata(asJson(whole)))) return { object: whole, value };
  const { metadata } = value;
  return { object: before.object, value: { ...asJson(before.object), ...(metadata !== undefined && { metadata }) } };
}

function besideMetadata({ metadata: _, ...others }: JsonObject): JsonObject {
  return others;
}

function withoutStatus({ status: _, ...others }: JsonObject): JsonObject {
  return others;
}

/** Why the object that was sent is not the one that the command is about. */
function refusedIdentity({ kind, before }: Deciding, command: Write, sent: Readonly<Partial<ObjectMeta>>): Rejected | undefined {
  const { key } = before;
  const namedOtherwise = sent.name !== key.name && !(command.verb === 'replace' && sent.name === undefined);
  if (namedOtherwise && sent.name !== undefined) return rejected(otherName(sent.name, key.name));
  const misplaced = wrongNamespace(kind, sent.namespace, key.namespace);
  if (misplaced !== undefined) return rejected(misplaced);
  if (before.status !== 'live') return rejected(notFound(kind, key.name));
  const { uid } = before.object.metadata;
  if (sent.uid === undefined || sent.uid === uid) return undefined;
  return rejected(conflict(kind, key.name, `Precondition failed: UID in precondition: ${sent.uid}, UID in object meta: ${uid}`));
}

function refusedVersion({ kind, before }: Deciding, sent: Readonly<Partial<ObjectMeta>>, rule: VersionRule): Rejected | undefined {
  const { name } = before.key;
  const refuse = (given: JsonValue, detail: string) =>
    rejected(invalidStatus(kind, name, [invalid('metadata.resourceVersion', given, detail)]));
  const { resourceVersion } = sent;
  if (resourceVersion === undefined) {
    return rule === 'required' && kind.replacedBlindly !== true ? refuse(0, 'must be specified for an update') : undefined;
  }
  if (rule === 'present' || meansVersion(resourceVersion, before.object.metadata.resourceVersion)) return undefined;
  if (!/^[0-9]+$/.test(resourceVersion)) return refuse(resourceVersion, 'must be the resourceVersion of the object');
  return rejected(conflict(kind, name));
}

function decideStatus({ kind, before }: Deciding, { object, sent, warnings }: Decoded, managing: Managing): Decision {
  const { status: _, ...rest } = before.object;
  const after: ApiObject = object.status === undefined ? rest : { ...rest, status: object.status };
  const isSame = sameJson(object.status ?? {}, before.object.status ?? {});
  const errors = isSame ? [] : (kind.statusRules?.(after, before.object) ?? []);
  if (errors.length > 0) return rejected(invalidStatus(kind, before.key.name, errors));
  const managers = managing(before.object, isSame ? before.object : after, sent);
  if ('outcome' in managers) return managers;
  return { outcome: 'accepted', facts: [...(isSame ? [] : [statusReplaced(object.status)]), ...managers], warnings };
}

/** `present` is the object before it. */
function decideChange(on: Deciding, present: ApiObject, { object, sent, warnings }: Decoded, managing: Managing): Decision {
  const { kind, before, context } = on;
  const old = present.metadata;
  const metadata = changedMetadata(old, object.metadata);
  const after: ApiObject = { ...object, metadata };
  delete after.status;
  if (present.status !== undefined) after.status = present.status;
  const errors = [...metadataUpdateErrors(old, sent), ...metadataErrors(kind, after), ...kind.rules(after, present)];
  if (errors.length > 0) return rejected(invalidStatus(kind, before.key.name, errors));
  const managers = managing(present, after, sent);
  if ('outcome' in managers) return managers;
  const facts = [...metadataFacts(old, metadata), ...managers];
  if (sameJson(contentOf(present), contentOf(after))) return { outcome: 'accepted', facts, warnings };
  const change = kind.onChange?.(before, after, context);
  if (change === undefined) return { outcome: 'accepted', facts, warnings };
  if (change.outcome === 'rejected') return change;
  return { ...change, facts: [...facts, ...withoutConditions(on, change.facts)], warnings: [...warnings, ...(change.warnings ?? [])] };
}

/** The old metadata with those parts of the new that a client may change. */
function changedMetadata(old: ObjectMeta, { labels, annotations, finalizers, ownerReferences }: ObjectMeta): ObjectMeta {
  const { labels: _l, annotations: _a, finalizers: _f, ownerReferences: _o, ...kept } = old;
  return {
    ...kept,
    ...(labels !== undefined && { labels }),
    ...(annotations !== undefined && { annotations }),
    ...(finalizers !== undefined && finalizers.length > 0 && { finalizers }),
    ...(ownerReferences !== undefined && ownerReferences.length > 0 && { ownerReferences }),
  };
}
