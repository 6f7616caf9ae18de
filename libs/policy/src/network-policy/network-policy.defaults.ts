import { type ApiObject, specOf, withSpecField } from '@weft/api';
import { isPolicyType } from './network-policy.model.ts';
import type { NetworkPolicyTypes } from './network-policy.types.ts';

/**
 * The directions with rules are restricted ones (resources 2.7 D-1). The list is stored, so a direction stays restricted when a patch takes its last rule
 * away; a replacement without the list derives it anew. It is sorted where something was added to it or taken from it, and else stays as it was given:
 * a client that sends the same manifest again finds nothing changed (ADR 90). A list with something that is no direction is left alone: rules refuse it by
 * the index that the client knows.
 */
export function networkPolicyDefaults(object: ApiObject<NetworkPolicyTypes>): ApiObject<NetworkPolicyTypes> {
  const { policyTypes = [], ingress = [], egress = [] } = specOf(object);
  if (!policyTypes.every(isPolicyType)) return object;
  const derived = [...(ingress.length > 0 ? ['Ingress'] : []), ...(egress.length > 0 ? ['Egress'] : [])];
  const types = new Set([...policyTypes, ...derived]);
  return types.size === policyTypes.length ? object : withSpecField(object, 'policyTypes', [...types].sort());
}
