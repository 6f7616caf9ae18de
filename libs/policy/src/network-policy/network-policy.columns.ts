import { AGE_COLUMN, type Column, NAME_COLUMN, selectorText, specOf, textColumn } from '@weft/api';
import type { NetworkPolicyTypes } from './network-policy.types.ts';

export const networkPolicyColumns: readonly Column<NetworkPolicyTypes>[] = [
  NAME_COLUMN,
  textColumn('Network', 'Network whose interfaces are regulated.', (object) => specOf(object).networkRef?.name ?? ''),
  textColumn(
    'Nic-Selector',
    'Interfaces that are regulated.',
    (object) => selectorText(specOf(object).networkInterfaceSelector ?? {}) || '<none>',
  ),
  AGE_COLUMN,
];
