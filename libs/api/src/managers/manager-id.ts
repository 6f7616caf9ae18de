import type { ManagedFields } from '../kind/object.ts';

/** Names one manager's entry. An applier has one entry whatever version it applies. */
export type ManagerId = Readonly<Pick<ManagedFields, 'manager' | 'operation' | 'apiVersion' | 'subresource'>>;

export function isSameManager(a: ManagerId, b: ManagerId): boolean {
  return (
    a.manager === b.manager &&
    a.operation === b.operation &&
    a.subresource === b.subresource &&
    (a.operation === 'Apply' || a.apiVersion === b.apiVersion)
  );
}
