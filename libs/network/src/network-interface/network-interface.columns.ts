import { AGE_COLUMN, type Column, NAME_COLUMN, specOf, statusOf, textColumn } from '@weft/api';
import type { NetworkInterfaceSpec, NetworkInterfaceStatus } from './network-interface.model.ts';

const spec = specOf<NetworkInterfaceSpec>;
const status = statusOf<NetworkInterfaceStatus>;

export const networkInterfaceColumns: readonly Column[] = [
  NAME_COLUMN,
  textColumn('Network', 'Network that the interface is attached to.', (object) => spec(object).networkRef?.name ?? ''),
  textColumn('Machine', 'Machine that holds the interface.', (object) => spec(object).machineRef?.name || '<none>'),
  textColumn('IPs', 'Addresses in effect.', (object) => status(object).ips?.join(',') || '<none>'),
  textColumn('Prefixes', 'Further ranges in effect.', (object) => status(object).prefixes?.join(',') || '<none>'),
  textColumn('VirtualIP', 'Public address in effect.', (object) => status(object).virtualIP || '<none>'),
  textColumn('State', 'Whether the interface can be used.', (object) => status(object).state ?? ''),
  AGE_COLUMN,
];
