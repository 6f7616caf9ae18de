import type { Column } from '@weft/api';

export const machineColumns: readonly Column[] = [];
