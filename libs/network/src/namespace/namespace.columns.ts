import { AGE_COLUMN, type Column, NAME_COLUMN, statusOf, textColumn } from '@weft/api';
import type { NamespaceStatus } from './namespace.model.ts';

export const namespaceColumns: readonly Column[] = [
  NAME_COLUMN,
  textColumn('Status', 'Terminating while a deleted namespace is emptied.', (object) => statusOf<NamespaceStatus>(object).phase ?? ''),
  AGE_COLUMN,
];
