import type { Column } from '@weft/api';

export const namespaceColumns: readonly Column[] = [];
