/** What every event type holds, as JSON Schema: for documents that programs outside read. Events are written and checked by the same schemas. */

import { createdType } from '../fold/common-events.ts';
import type { Context } from '../kind/kind.ts';
import type { Registry } from '../registry/registry.ts';
import type { JsonObject } from './json.ts';

export type EventSchema = Readonly<{
  context: Context;
  /** Kind, or category of a reservation stream. */
  kind: string;
  namespaced: boolean;
  type: string;
  schema: JsonObject;
}>;

/** Of all kinds and reservation streams, by kind, then by type. */
export function eventSchemas(registry: Registry): readonly EventSchema[] {
  const kinds = registry.kinds.map(({ kind, context, namespaced }) => ({ kind, context, namespaced }));
  const reservations = registry.categories.flatMap((kind) => {
    const context = registry.reservation(kind)?.context;
    return context === undefined ? [] : [{ kind, context, namespaced: false }];
  });
  return [...kinds, ...reservations]
    .sort((a, b) => (a.kind < b.kind ? -1 : 1))
    .flatMap((of) => registry.eventTypesOf(of.kind).map((type) => ({ ...of, type, schema: schemaOf(registry, of.kind, type) })));
}

function schemaOf(registry: Registry, kind: string, type: string): JsonObject {
  // Plain JSON: schemas carry symbols of the library that made them.
  const plain = JSON.parse(JSON.stringify(registry.schemaOf(`${kind}-.x`, type) ?? {})) as JsonObject;
  if (type !== createdType(kind)) return plain;
  // The check before an append looks at the metadata alone, since the kind's model has decoded the rest.
  const { apiVersion: _, kind: __, status: ___, ...parts } = (registry.kind(kind)?.schema['properties'] ?? {}) as JsonObject;
  return { type: 'object', required: ['metadata'], properties: parts };
}
