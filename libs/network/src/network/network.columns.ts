import { AGE_COLUMN, type Column, NAME_COLUMN, specOf, statusOf, textColumn } from '@weft/api';
import type { NetworkTypes } from './network.types.ts';

export const networkColumns: readonly Column<NetworkTypes>[] = [
  NAME_COLUMN,
  textColumn('State', 'Whether the network can be used.', (object) => statusOf(object).state || '<unknown>'),
  textColumn('ProviderID', 'Handle of the network at its provider.', (object) => specOf(object).providerID ?? ''),
  AGE_COLUMN,
];
