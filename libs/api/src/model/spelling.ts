/**
 * Addresses as the client writes them. They are kept and compared in one canonical text; but `kubectl apply` compares the manifest with what it reads, and
 * would find `2001:DB8::1` changed for ever. So a read of one object shows an address as the client applied it, when that is the same address.
 */
import type { KindModule, ModelClass } from '../kind/kind.ts';
import { type ApiObject, asJson } from '../kind/object.ts';
import type { JsonObject, JsonValue } from '../log/json.ts';
import { isObject } from '../patch/merge-patch.ts';
import { canonicalIp, canonicalPrefix } from '../values/ip.ts';
import { type FieldRecord, fieldsOf } from './fields.ts';

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

export function asApplied(kind: KindModule, object: ApiObject): ApiObject {
  const applied = object.metadata.annotations?.[LAST_APPLIED];
  const { spec, fields } = kind.model ?? {};
  if (applied === undefined || ![spec, fields].some((model) => model !== undefined && holdsAddresses(model))) return object;
  const given = sentIn(applied);
  const kept = asJson(object);
  let shown = kept;
  if (spec !== undefined && isObject(kept['spec'])) {
    const respelt = respelled(spec, kept['spec'], given['spec']);
    if (respelt !== kept['spec']) shown = { ...shown, spec: respelt };
  }
  if (fields !== undefined) shown = respelled(fields, shown, given);
  return shown === kept ? object : (shown as ApiObject);
}

/** The annotation is the client's: it may hold anything. */
function sentIn(applied: string): JsonObject {
  try {
    const given = JSON.parse(applied) as JsonValue;
    return isObject(given) ? given : {};
  } catch {
    return {};
  }
}

/** What was given where it is the same address, the value itself elsewhere. */
function respelled(model: ModelClass, value: JsonObject, given: JsonValue | undefined): JsonObject {
  if (!isObject(given)) return value;
  let result = value;
  for (const field of fieldsOf(model)) {
    const [kept, applied] = [value[field.name], given[field.name]];
    if (kept === undefined || applied === undefined) continue;
    const shown = field.list ? eachRespelled(field, kept, applied) : oneRespelled(field, kept, applied);
    if (shown !== kept) result = { ...result, [field.name]: shown };
  }
  return result;
}

function eachRespelled(field: FieldRecord, kept: JsonValue, applied: JsonValue): JsonValue {
  if (!Array.isArray(kept) || !Array.isArray(applied) || kept.length !== applied.length) return kept;
  const shown = kept.map((each, i) => oneRespelled(field, each, applied[i] as JsonValue));
  return shown.some((each, i) => each !== kept[i]) ? shown : kept;
}

function oneRespelled({ kind, model }: FieldRecord, kept: JsonValue, applied: JsonValue): JsonValue {
  if (kind === 'object' && model !== undefined) return isObject(kept) ? respelled(model(), kept, applied) : kept;
  if (typeof applied !== 'string') return kept;
  const canonical = kind === 'ip' ? canonicalIp(applied) : kind === 'prefix' ? canonicalPrefix(applied) : undefined;
  return canonical === kept ? applied : kept;
}

const known = new WeakMap<ModelClass, boolean>();

function holdsAddresses(model: ModelClass): boolean {
  let holds = known.get(model);
  if (holds === undefined) {
    known.set(model, false); // A model that holds itself.
    holds = fieldsOf(model).some(({ kind, model: of }) => kind === 'ip' || kind === 'prefix' || (of !== undefined && holdsAddresses(of())));
    known.set(model, holds);
  }
  return holds;
}
