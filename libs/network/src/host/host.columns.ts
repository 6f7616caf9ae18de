import type { Column } from '@weft/api';

export const hostColumns: readonly Column[] = [];
