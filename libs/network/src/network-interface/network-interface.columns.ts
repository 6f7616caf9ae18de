import { AGE_COLUMN, type Column, NAME_COLUMN, specOf, statusOf, textColumn } from '@weft/api';
import type { NicTypes } from './network-interface.types.ts';

export const networkInterfaceColumns: readonly Column<NicTypes>[] = [
  NAME_COLUMN,
  textColumn('Network', 'Network that the interface is attached to.', (object) => specOf(object).networkRef?.name ?? ''),
  textColumn('Machine', 'Machine that holds the interface.', (object) => specOf(object).machineRef?.name || '<none>'),
  textColumn('IPs', 'Addresses in effect.', (object) => statusOf(object).ips?.join(',') || '<none>'),
  textColumn('Prefixes', 'Further ranges in effect.', (object) => statusOf(object).prefixes?.join(',') || '<none>'),
  textColumn('VirtualIP', 'Public address in effect.', (object) => statusOf(object).virtualIP || '<none>'),
  textColumn('State', 'Whether the interface can be used.', (object) => statusOf(object).state ?? ''),
  AGE_COLUMN,
];
