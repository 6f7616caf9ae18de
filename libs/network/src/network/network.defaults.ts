import type { ApiObject } from '@weft/api';
import type { NetworkTypes } from './network.types.ts';

/** A Network has no defaults (resources 2.1). */
export function networkDefaults(object: ApiObject<NetworkTypes>): ApiObject<NetworkTypes> {
  return object;
}
