/** The columns that every kind has, and helpers for its own. */
import type { Column } from '../kind/kind.ts';
import type { ApiObject } from '../kind/object.ts';
import { ageOf } from './age.ts';

export const NAME_COLUMN: Column = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'Name of the object, unique within its namespace.',
  priority: 0,
  cell: (object) => object.metadata.name,
};

export const AGE_COLUMN: Column = {
  name: 'Age',
  type: 'string',
  format: 'date',
  description: 'Time since the creation.',
  priority: 0,
  cell: (object, now) => ageOf(object.metadata.creationTimestamp, now),
};

export function textColumn(name: string, description: string, cell: (object: ApiObject, now: Date) => string, priority = 0): Column {
  return { name, type: 'string', description, priority, cell };
}
