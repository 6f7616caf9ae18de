import { AGE_COLUMN, type Column, NAME_COLUMN, statusOf, textColumn } from '@weft/api';
import type { NamespaceTypes } from './namespace.types.ts';

export const namespaceColumns: readonly Column<NamespaceTypes>[] = [
  NAME_COLUMN,
  textColumn('Status', 'Terminating while a deleted namespace is emptied.', (object) => statusOf(object).phase ?? ''),
  AGE_COLUMN,
];
