import { type ApiObject, specOf, withSpecField } from '@weft/api';
import type { NatGatewayTypes } from './nat-gateway.types.ts';

const PORTS_DEFAULT = 2_048;

export function natGatewayDefaults(object: ApiObject<NatGatewayTypes>): ApiObject<NatGatewayTypes> {
  if (specOf(object).portsPerNetworkInterface !== undefined) return object;
  return withSpecField(object, 'portsPerNetworkInterface', PORTS_DEFAULT);
}
