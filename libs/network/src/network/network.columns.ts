import type { Column } from '@weft/api';

export const networkColumns: readonly Column[] = [];
