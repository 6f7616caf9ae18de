/** The types of a Namespace: its events, its actions. */

import { Type } from '@sinclair/typebox';
import { type DataOf, defineEvents, kindRef } from '@weft/api';
import type { NamespaceSpec, NamespaceStatus } from './namespace.model.ts';

export const namespaceEvents = defineEvents({
  'NamespaceFinalizersChanged.v1': Type.Object({ finalizers: Type.Optional(Type.Array(Type.String())) }),
});

export const namespacePayloads = {
  /** Removes the finalizer, since nothing is left in the namespace. */
  Finalize: Type.Object({}),
  /** Sets the condition that says what is still in the namespace. */
  ReportRemaining: Type.Object({ message: Type.String() }),
};

export type NamespaceTypes = {
  spec: NamespaceSpec;
  status: NamespaceStatus;
  facts: Record<never, never>;
  events: DataOf<typeof namespaceEvents>;
  actions: DataOf<typeof namespacePayloads>;
  index: never;
};
export const Namespace = kindRef<NamespaceTypes>('Namespace');
