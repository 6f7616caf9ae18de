import { type ApiObject, addressDefaults, specOf, withSpecField } from '@weft/api';
import type { LoadBalancerTypes } from './load-balancer.types.ts';

/** Families follow from addresses (resources 2.2 D-1 to D-3). Only an Internal one has addresses of its own: others lose them, without a word (1.5). */
export function loadBalancerDefaults(object: ApiObject<LoadBalancerTypes>): ApiObject<LoadBalancerTypes> {
  const spec = specOf(object);
  if (spec.type === 'Internal') {
    const filled = addressDefaults(spec);
    return filled === spec ? object : { ...object, spec: filled };
  }
  return spec.ips === undefined ? object : withSpecField(object, 'ips', undefined);
}
