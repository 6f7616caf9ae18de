/** Objects under another group, where some fields have other names (`KindModule.alsoServedAs`): Events of core v1 as those of events.k8s.io. */
import { type ApiObject, apiVersionOf, type JsonObject, type JsonValue, type KindModule, type OtherShape } from '@weft/api';

/** A kind as it is served under another group: everything else is that of the kind itself, whose owner knows no other shape. */
export type ReshapedKind = KindModule & Readonly<{ reshapes: Readonly<{ kind: KindModule; inward: Names; outward: Names }> }>;

type Names = Readonly<Record<string, string>>;

export function reshaped(kind: KindModule, { group, version, fields }: OtherShape): ReshapedKind {
  const outward = Object.fromEntries(Object.entries(fields).map(([there, here]) => [here, there]));
  const properties = kind.schema['properties'] as JsonObject;
  const { selectableFields } = kind;
  return {
    ...kind,
    group,
    version,
    shortNames: [],
    schema: { ...kind.schema, properties: renamed(properties, outward) },
    ...(selectableFields && { selectableFields: (object) => withNames(selectableFields(object), outward) }),
    reshapes: { kind, inward: fields, outward },
  };
}

export const isReshaped = (kind: KindModule): kind is ReshapedKind => 'reshapes' in kind;

/** The same object for each: texts are kept by it. */
const outwards = new WeakMap<ApiObject, ApiObject>();

/** As the kind's clients see it. */
export function outward(kind: KindModule, object: ApiObject): ApiObject {
  if (!isReshaped(kind)) return object;
  let made = outwards.get(object);
  if (made === undefined) {
    made = { ...(renamed(object as unknown as JsonObject, kind.reshapes.outward) as unknown as ApiObject), apiVersion: apiVersionOf(kind) };
    outwards.set(object, made);
  }
  return made;
}

/** A whole object, or a patch that looks like one, as its owner knows it. */
export function inward(kind: KindModule, sent: JsonObject): JsonObject {
  if (!isReshaped(kind)) return sent;
  const { kind: owned, inward: names } = kind.reshapes;
  const value = renamed(sent, names);
  return value['apiVersion'] === apiVersionOf(kind) ? { ...value, apiVersion: apiVersionOf(owned) } : value;
}

/** The same for any patch: of a JSON patch, the first step of each path. */
export function inwardPatch(kind: KindModule, patch: JsonValue): JsonValue {
  if (!isReshaped(kind)) return patch;
  if (!Array.isArray(patch)) return inward(kind, patch as JsonObject);
  const names = kind.reshapes.inward;
  return patch.map((operation) =>
    typeof operation !== 'object' || operation === null || Array.isArray(operation)
      ? operation
      : { ...operation, ...pathIn(operation, 'path', names), ...pathIn(operation, 'from', names) },
  );
}

function pathIn(operation: JsonObject, field: 'path' | 'from', names: Names): JsonObject {
  const path = operation[field];
  if (typeof path !== 'string') return {};
  const [root, first = '', ...rest] = path.split('/');
  return { [field]: [root, names[first] ?? first, ...rest].join('/') };
}

function renamed(object: JsonObject, names: Names): JsonObject {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [names[name] ?? name, value]));
}

/** Fields by both names: `involvedObject.kind` is `regarding.kind` too. */
function withNames(fields: Record<string, string>, names: Names): Record<string, string> {
  const both = { ...fields };
  for (const [path, value] of Object.entries(fields)) {
    const [first = '', ...rest] = path.split('.');
    const other = names[first];
    if (other !== undefined) both[[other, ...rest].join('.')] = value;
  }
  return both;
}
