/** Rules of a NATGateway (resources 2.4 G-1 to G-6, G-U1). */
import {
  type ApiObject,
  type FieldError,
  immutable,
  invalid,
  ipFamilyErrors,
  notSupported,
  required,
  specOf,
  subdomainProblems,
} from '@weft/api';
import type { NatGatewayTypes } from './nat-gateway.types.ts';

export function natGatewayRules(object: ApiObject<NatGatewayTypes>, old?: ApiObject<NatGatewayTypes>): FieldError[] {
  const errors: FieldError[] = [];
  const { type = '', ipFamily, networkRef, portsPerNetworkInterface: ports = 0 } = specOf(object);
  if (old !== undefined) {
    const before = specOf(old).networkRef;
    if (before?.name !== networkRef?.name) errors.push(immutable('spec.networkRef', before, networkRef));
  }
  if (type === '') errors.push(required('spec.type', 'must specify type'));
  else if (type !== 'Public') errors.push(notSupported('spec.type', type, ['Public']));
  ipFamilyErrors(ipFamily, 'spec.ipFamily', errors);
  const network = networkRef?.name ?? '';
  for (const problem of subdomainProblems(network)) errors.push(invalid('spec.networkRef.name', network, problem));
  if (!isPowerOfTwo(ports)) errors.push(invalid('spec.portsPerNetworkInterface', ports, 'must be a power of two'));
  return errors;
}

/** Of 32-bit integers. */
function isPowerOfTwo(n: number): boolean {
  return n > 0 && (n & (n - 1)) === 0;
}
