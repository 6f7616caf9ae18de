/** What all decisions about one object share. */
import type { Command } from '../command/command.ts';
import type { Accepted, DecideContext, Fact, Folded, KindModule, Rejected } from '../kind/kind.ts';
import { type ApiObject, fieldsBesideParts } from '../kind/object.ts';
import type { JsonObject, JsonValue } from '../log/json.ts';
import type { Registry } from '../registry/registry.ts';
import type { Status } from '../status/status.ts';
import { badRequest, requestTooLarge } from '../status/statuses.ts';
import { jsonBytesBound } from '../values/json-size.ts';

export type ObjectCommand = Exclude<Command, { verb: 'reserve' }>;
export type CommandOf<Verb extends ObjectCommand['verb']> = Extract<ObjectCommand, { verb: Verb }>;

/** The object that a decision is about, and what it may look at. */
export type Deciding = Readonly<{
  registry: Registry;
  kind: KindModule;
  /** State of the object's stream, with its recent requests. */
  before: Folded;
  context: DecideContext;
}>;

/** Of an object as JSON: it must fit into one append and one message, with room for what its owner adds (DESIGN 9.19). */
export const OBJECT_BYTES_MAX = 900_000;

export function rejected(status: Status): Rejected {
  return { outcome: 'rejected', status };
}

export function accepted<F = Fact>(facts: readonly F[], more: Omit<Accepted<F>, 'outcome' | 'facts'> = {}): Accepted<F> {
  return { outcome: 'accepted', facts, ...more };
}

/** The facts of a user's command without conditions, where these are an outside provider's to say. */
export function withoutConditions({ registry, kind }: Deciding, facts: readonly Fact[]): readonly Fact[] {
  if (registry.provider === 'weft' || kind.providerStatus?.first === undefined) return facts;
  return facts.filter(({ type }) => type !== 'ConditionChanged.v1' && type !== 'ConditionRemoved.v1');
}

/** Checked before anything else looks into the object. A write that makes an object smaller is always taken. */
export function tooLarge(object: JsonValue, before?: JsonObject): Rejected | undefined {
  if (jsonBytesBound(object) <= OBJECT_BYTES_MAX) return undefined; // As nearly always.
  const bytes = bytesOf(object);
  if (bytes <= OBJECT_BYTES_MAX || (before !== undefined && bytes <= bytesOf(before))) return undefined;
  return rejected(requestTooLarge(`Request entity too large: limit is ${OBJECT_BYTES_MAX}`));
}

const bytesOf = (object: JsonValue) => Buffer.byteLength(JSON.stringify(object));

export function wrongNamespace(kind: KindModule, sent: string | undefined, namespace: string | undefined): Status | undefined {
  if (!kind.namespaced || sent === undefined || sent === namespace) return undefined;
  return badRequest('the namespace of the provided object does not match the namespace sent on the request');
}

/** Everything but identity, metadata and status: the fields beside these (kinds without that split), then the spec. */
export function contentOf(object: ApiObject): JsonObject {
  const content: JsonObject = {};
  for (const field of fieldsBesideParts(object)) content[field] = object[field] as JsonValue;
  if (object.spec !== undefined) content['spec'] = object.spec as JsonValue;
  return content;
}
