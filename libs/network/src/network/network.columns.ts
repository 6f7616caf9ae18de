import { AGE_COLUMN, type Column, NAME_COLUMN, specOf, statusOf, textColumn } from '@weft/api';
import type { NetworkSpec, NetworkStatus } from './network.model.ts';

export const networkColumns: readonly Column[] = [
  NAME_COLUMN,
  textColumn('State', 'Whether the network can be used.', (object) => statusOf<NetworkStatus>(object).state || '<unknown>'),
  textColumn('ProviderID', 'Handle of the network at its provider.', (object) => specOf<NetworkSpec>(object).providerID ?? ''),
  AGE_COLUMN,
];
