import { AGE_COLUMN, type Column, NAME_COLUMN, statusOf, textColumn } from '@weft/api';
import type { NatGatewayTypes } from './nat-gateway.types.ts';

export const natGatewayColumns: readonly Column<NatGatewayTypes>[] = [
  NAME_COLUMN,
  textColumn(
    'IPs',
    'Its public addresses.',
    (object) =>
      statusOf(object)
        .ips?.map(({ ip = '' }) => ip)
        .join(',') || 'None',
  ),
  AGE_COLUMN,
];
