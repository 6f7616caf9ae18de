/** JSON patch, RFC 6902, by fast-json-patch with its validation on: without it a missing path would be skipped silently (http-api 20). */
import jsonPatch from 'fast-json-patch';
import type { JsonValue } from '../log/json.ts';
import { DEPTH_MAX, isDeeper } from '../values/depth.ts';

/** Above it: 413. */
export const OPERATIONS_MAX = 10_000;

/** Copies may double the document with each operation: what they copy in all is bounded, as upstream. */
const COPIED_CHARACTERS_MAX = 3 * 1024 * 1024;

export type JsonPatchResult = Readonly<{ ok: true; value: JsonValue }> | Readonly<{ ok: false; why: string }>;

/** `target` is not changed. `patch` is a list of at most OPERATIONS_MAX. */
export function applyJsonPatch(target: JsonValue, patch: readonly JsonValue[]): JsonPatchResult {
  let document = structuredClone(target);
  let copied = 0;
  for (let i = 0; i < patch.length; i++) {
    // Whatever it is: the library says what is wrong with it.
    const operation = patch[i] as unknown as jsonPatch.Operation;
    if (testsForNothing(operation) && valueAt(document, operation.path) === undefined) continue;
    try {
      copied += charactersToCopy(document, operation);
      if (copied > COPIED_CHARACTERS_MAX) return { ok: false, why: `operation ${i}: more than ${COPIED_CHARACTERS_MAX} characters copied` };
      const steps = stepsOf(document, operation);
      if (steps === undefined) return { ok: false, why: `operation ${i}: Cannot perform the operation from a path that does not exist` };
      for (const step of steps) document = jsonPatch.applyOperation(document, step, true, true, true, i).newDocument;
    } catch (error) {
      return { ok: false, why: `operation ${i}: ${firstLine(error as Error)}` };
    }
  }
  // Unlike other patches, this one can make a document that is nested deeper than the patch.
  if (isDeeper(document)) return { ok: false, why: `the result is nested more than ${DEPTH_MAX} levels deep` };
  return { ok: true, value: document };
}

/** Upstream lets `test` with null succeed on a path that does not exist (http-api 10.2). */
function testsForNothing(operation: jsonPatch.Operation): boolean {
  const { op, value, path } = (operation ?? {}) as { op?: unknown; value?: unknown; path?: unknown };
  return op === 'test' && value === null && typeof path === 'string';
}

/** A `copy` or `move` as simpler operations, since the library would clone the whole document to read `from`; undefined when nothing is there. */
function stepsOf(document: JsonValue, operation: jsonPatch.Operation): readonly jsonPatch.Operation[] | undefined {
  const { op, path, from } = (operation ?? {}) as { op?: unknown; path?: unknown; from?: unknown };
  if ((op !== 'copy' && op !== 'move') || typeof path !== 'string' || typeof from !== 'string') return [structuredClone(operation)];
  const value = from === '' || from.startsWith('/') ? valueAt(document, from) : undefined;
  if (value === undefined) return undefined;
  return op === 'copy'
    ? [{ op: 'add', path, value: structuredClone(value) }]
    : [
        { op: 'remove', path: from },
        { op: 'add', path, value },
      ];
}

function charactersToCopy(document: JsonValue, operation: jsonPatch.Operation): number {
  const { op, from } = (operation ?? {}) as { op?: unknown; from?: unknown };
  if (op !== 'copy' || typeof from !== 'string') return 0;
  const value = valueAt(document, from);
  return value === undefined ? 0 : JSON.stringify(value).length;
}

function valueAt(document: JsonValue, pointer: string): JsonValue | undefined {
  let value: JsonValue | undefined = document;
  for (const step of pointer.split('/').slice(1)) {
    const name = step.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, JsonValue>)[name];
  }
  return value;
}

/** The first line of the library's message; the rest holds the operation and the whole object. */
function firstLine({ message, name }: Error): string {
  return message.split('\n')[0] || name;
}
