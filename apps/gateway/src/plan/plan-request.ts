/** What a plan is asked about: manifests to be applied or deleted, as commands in the order in which they are given. */
import {
  apiVersionOf,
  type Command,
  type JsonObject,
  type JsonValue,
  type KindModule,
  type ObjectCommand,
  type ObjectKey,
} from '@weft/api';
import { NetworkPolicy, STAGED_ANNOTATION } from '@weft/policy';
import { badRequest } from '../http/failures.ts';
import { refuseOthers } from '../http/query.ts';
import type { Catalog } from '../resources/catalog.ts';
import { addressed } from '../resources/writes.ts';

/** More are planned in parts. */
const COMMANDS_MAX = 1_000;
const DEFAULT_NAMESPACE = 'default';
const MANAGER = 'weft';
const FIELDS = ['manifests', 'delete', 'promote', 'fieldManager', 'force', 'id'];

export type PlanRequest = Readonly<{
  /** uuid: the requests of the plan, and with them the uids of what it creates, follow from it. */
  id?: string;
  commands: readonly ObjectCommand[];
}>;

/** `{manifests: [...], delete: [...], promote: [...], fieldManager, force, id}`; or one manifest, or a List. `promote`: staged policies, as `<namespace>/<name>`. */
export function planRequestOf(body: JsonObject, catalog: Catalog): PlanRequest {
  const isPlain = 'kind' in body && !('manifests' in body);
  if (!isPlain) refuseOthers(FIELDS, body, 'field');
  const {
    manifests = [],
    delete: deleted = [],
    promote = [],
    fieldManager = MANAGER,
    force = false,
    id,
  } = isPlain ? { manifests: [body] } : body;
  if (typeof fieldManager !== 'string' || fieldManager === '') throw badRequest('fieldManager is no text');
  const options = { fieldManager, ...(force === true && { force: true }) };
  const commands = [
    ...itemsOf(manifests, 'manifests').map((manifest) => applyOf(manifest, catalog, options)),
    ...itemsOf(deleted, 'delete').map((manifest): ObjectCommand => ({ verb: 'delete', key: placeOf(manifest, catalog).key })),
    ...promotionsOf(promote, fieldManager),
  ];
  if (commands.length === 0) throw badRequest('there is nothing to plan: give manifests, or what to delete or to promote');
  if (commands.length > COMMANDS_MAX) throw badRequest(`${commands.length} objects at once: plan at most ${COMMANDS_MAX}`);
  return { ...(typeof id === 'string' && { id }), commands };
}

/** The command of a dry run, as it would be without. */
export function inEarnest(command: ObjectCommand): ObjectCommand {
  if (command.verb === 'act') return command;
  const { dryRun: _, ...options } = command.options ?? {};
  return { ...command, options };
}

/** The commands of a plan that was made before. */
export function commandsOfPlan(value: JsonValue | undefined): readonly ObjectCommand[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > COMMANDS_MAX) throw badRequest('this is no plan: it has no commands');
  return value.map((each) => {
    const command = (each as { command?: unknown }).command as Partial<Command> | undefined;
    if (command?.verb === 'patch' || command?.verb === 'delete' || command?.verb === 'create' || command?.verb === 'replace')
      return command as ObjectCommand;
    throw badRequest('this is no plan: a command of it is none');
  });
}

/** Takes the annotation away, whoever set it. */
function promotionsOf(value: JsonValue, fieldManager: string): readonly ObjectCommand[] {
  if (!Array.isArray(value)) throw badRequest('promote is no list');
  return value.map((each) => {
    const [namespace, name, ...more] = typeof each === 'string' ? each.split('/') : [];
    if (!namespace || !name || more.length > 0)
      throw badRequest(`promote: ${JSON.stringify(each)} is no <namespace>/<name> of a NetworkPolicy`);
    const patch = { metadata: { annotations: { [STAGED_ANNOTATION]: null } } };
    const key = { kind: NetworkPolicy.kind, namespace, name };
    return { verb: 'patch', key, patchType: 'merge', patch, options: { fieldManager } };
  });
}

/** Lists are taken apart. */
function itemsOf(value: JsonValue, field: string): readonly JsonObject[] {
  if (!Array.isArray(value)) throw badRequest(`${field} is no list`);
  return value.flatMap((each) => {
    if (each === null || typeof each !== 'object' || Array.isArray(each)) throw badRequest(`${field} holds something that is no object`);
    const { kind, items } = each;
    return typeof kind === 'string' && kind.endsWith('List') && Array.isArray(items) ? itemsOf(items, `${field}.items`) : [each];
  });
}

function applyOf(manifest: JsonObject, catalog: Catalog, options: Readonly<{ fieldManager: string; force?: boolean }>): ObjectCommand {
  const { key, kind } = placeOf(manifest, catalog);
  const patch = addressed(manifest, kind, key.namespace, key.name);
  return { verb: 'patch', key, patchType: 'apply', patch, options };
}

function placeOf(manifest: JsonObject, catalog: Catalog): Readonly<{ kind: KindModule; key: ObjectKey }> {
  const { apiVersion, kind: name } = manifest;
  if (apiVersion === undefined || name === undefined) throw badRequest('a manifest has no apiVersion or no kind');
  const kind = catalog.kinds.find((each) => each.kind === name && apiVersionOf(each) === apiVersion);
  if (kind === undefined) throw badRequest(`there is no kind "${String(name)}" in version "${String(apiVersion)}"`);
  const metadata = (manifest['metadata'] ?? {}) as JsonObject;
  if (typeof metadata['name'] !== 'string' || metadata['name'] === '') throw badRequest(`a ${kind.kind} has no metadata.name`);
  const namespace = metadata['namespace'] ?? DEFAULT_NAMESPACE;
  return { kind, key: { kind: kind.kind, ...(kind.namespaced && { namespace: String(namespace) }), name: metadata['name'] } };
}
