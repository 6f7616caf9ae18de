import type { Column } from '@weft/api';

export const networkInterfaceColumns: readonly Column[] = [];
