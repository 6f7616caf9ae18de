import type { Column } from '@weft/api';

export const eventColumns: readonly Column[] = [];
