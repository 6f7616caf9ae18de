/** The columns that every kind has, and helpers for its own. */
import type { Column } from '../kind/kind.ts';
import type { KindTypes, UntypedKind } from '../kind/kind-types.ts';
import type { ApiObject } from '../kind/object.ts';
import { ageOf } from './age.ts';

type Parts = Pick<KindTypes, 'spec' | 'status'>;
type Any = { spec: object; status: object };

export const NAME_COLUMN: Column<Any> = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'Name of the object, unique within its namespace.',
  priority: 0,
  cell: (object) => object.metadata.name,
};

export const AGE_COLUMN: Column<Any> = {
  name: 'Age',
  type: 'string',
  format: 'date',
  description: 'Time since the creation.',
  priority: 0,
  cell: (object, now) => ageOf(object.metadata.creationTimestamp, now),
};

export function textColumn<T extends Parts = UntypedKind>(
  name: string,
  description: string,
  cell: (object: ApiObject<T>, now: Date) => string,
  priority = 0,
): Column<T> {
  return { name, type: 'string', description, priority, cell };
}
