/** Bodies as JSON values. Checks shape and syntax only; what the values mean is checked by the owner (DESIGN 9.6). */
import { DEPTH_MAX, type JsonObject, type JsonValue, type KindModule, noStrategicMerge, type PatchType, requestTooLarge } from '@weft/api';
import { parse } from 'yaml';
import { isProtobuf, PROTOBUF_TYPE, readKubernetesProtobuf } from '../protobuf/kubernetes.ts';
import { ProtobufError } from '../protobuf/reader.ts';
import { patchTypesOf, takesStrategicMerge } from '../resources/catalog.ts';
import { parseMediaTypes } from './accept.ts';
import { badRequest, unsupportedMediaType } from './failures.ts';
import { repeatedKeys } from './repeated-keys.ts';
import { StatusError } from './status-error.ts';

const OPERATIONS_MAX = 10_000;
const JSON_TYPE = 'application/json';
const YAML_TYPE = 'application/yaml';
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** `repeated`: paths of keys that an object of the text holds twice. YAML with such keys is refused, protobuf has none. */
type Parsed<T extends JsonValue> = Readonly<{ value: T; repeated: readonly string[] }>;

/** The body of a create or an update. */
export function decodeObject(body: Buffer, contentType: string | undefined): Parsed<JsonObject> {
  const type = mediaType(contentType);
  const { value, repeated } = ((): Parsed<JsonValue> => {
    if (type === JSON_TYPE) return parseJson(body);
    if (type === YAML_TYPE) return { value: parseYaml(body), repeated: [] };
    const object = type === PROTOBUF_TYPE ? fromProtobuf(body) : undefined;
    if (object === undefined) throw unsupportedMediaType([JSON_TYPE, YAML_TYPE]);
    return { value: object, repeated: [] };
  })();
  return { value: asObject(value, 'the body'), repeated };
}

const patchTypes: Readonly<Record<string, PatchType>> = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
  'application/apply-patch+yaml': 'apply',
};

export type DecodedPatch = Readonly<{ patchType: PatchType; patch: JsonValue; repeated: readonly string[] }>;

export function decodePatch(body: Buffer, contentType: string | undefined, kind: KindModule): DecodedPatch {
  const patchType = patchTypes[mediaType(contentType)];
  const taken = patchTypesOf(kind);
  if (patchType === 'strategic' && !takesStrategicMerge(kind)) throw new StatusError(noStrategicMerge(kind, taken));
  if (patchType === undefined) throw unsupportedMediaType(taken);
  const { value: patch, repeated } = patchType === 'apply' ? parseConfiguration(body) : parseJson(body);
  if (patchType !== 'json') return { patchType, patch: asObject(patch, 'the patch'), repeated };
  if (!Array.isArray(patch)) throw badRequest('a JSON patch must be a list of operations');
  if (patch.length > OPERATIONS_MAX) {
    throw new StatusError(requestTooLarge(`The allowed maximum operations in a JSON patch is ${OPERATIONS_MAX}, got ${patch.length}`));
  }
  return { patchType, patch, repeated };
}

/** What is applied is YAML, of which JSON is a part: clients send that. */
function parseConfiguration(body: Buffer): Parsed<JsonValue> {
  return body[0] === OPENING_BRACE ? parseJson(body) : { value: parseYaml(body), repeated: [] };
}

const OPENING_BRACE = 0x7b;

/** DeleteOptions come with any content type or none (http-api 5). Undefined for an empty body. */
export function decodeDeleteOptions(body: Buffer | undefined): JsonObject | undefined {
  if (body === undefined || body.length === 0) return undefined;
  if (isProtobuf(body)) return fromProtobuf(body);
  return asObject(parseJson(body).value, 'the body');
}

function mediaType(contentType: string | undefined): string {
  return contentType === undefined ? '' : (parseMediaTypes(contentType)[0]?.type ?? '');
}

function parseJson(body: Buffer): Parsed<JsonValue> {
  const text = textOf(body);
  checkDepth(text);
  let value: JsonValue;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw badRequest(`the body is not valid JSON: ${(error as Error).message}`);
  }
  // JSON that parses and still has to be refused contains this key or an escape, so most bodies need no walk.
  if (text.includes('__proto__') || text.includes('\\u')) checkTexts(value);
  return { value, repeated: repeatedKeys(text, value) };
}

function parseYaml(body: Buffer): JsonValue {
  const source = textOf(body);
  let text: string;
  try {
    const value: unknown = parse(source, { version: '1.1', maxAliasCount: 100, prettyErrors: false });
    text = JSON.stringify(value ?? null); // Dates and other YAML types become text.
  } catch (error) {
    throw badRequest(`the body is not valid YAML: ${(error as Error).message}`);
  }
  checkDepth(text);
  const value: JsonValue = JSON.parse(text);
  checkTexts(value);
  return value;
}

function fromProtobuf(body: Buffer): JsonObject | undefined {
  try {
    return readKubernetesProtobuf(body);
  } catch (error) {
    if (error instanceof ProtobufError) throw badRequest(`the body is not valid protobuf: ${error.message}`);
    throw error;
  }
}

function textOf(body: Buffer): string {
  if (body.length === 0) throw badRequest('the body of the request is empty');
  try {
    return utf8.decode(body);
  } catch {
    throw badRequest('the body of the request is not UTF-8');
  }
}

function asObject(value: JsonValue, what: string): JsonObject {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw badRequest(`${what} must be a JSON object`);
  return value;
}

/** Whoever walks the value recursively later must not run out of stack. */
function checkDepth(text: string): void {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (inString) {
      if (code === 0x5c) at += 1;
      else if (code === 0x22) inString = false;
    } else if (code === 0x22) inString = true;
    else if (code === 0x7b || code === 0x5b) {
      depth += 1;
      if (depth > DEPTH_MAX) throw badRequest(`the body is nested more than ${DEPTH_MAX} levels deep`);
    } else if (code === 0x7d || code === 0x5d) depth -= 1;
  }
}

/** An own key `__proto__` would become a prototype wherever objects are copied; half a surrogate pair cannot be stored. */
function checkTexts(value: JsonValue): void {
  if (typeof value === 'string') {
    if (!value.isWellFormed()) throw badRequest('the body holds text that is not well-formed Unicode');
  } else if (Array.isArray(value)) {
    for (const each of value) checkTexts(each);
  } else if (value !== null && typeof value === 'object') {
    for (const [key, each] of Object.entries(value)) {
      if (key === '__proto__') throw badRequest('the key "__proto__" is not allowed');
      checkTexts(key);
      checkTexts(each);
    }
  }
}
