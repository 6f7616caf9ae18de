/** What the rows of policies read of a policy, with the facets (DESIGN 9.8) that it depends on. What they read of members is said in `@weft/policy`. */
import { specOf, type View } from '@weft/api';
import { NetworkInterface, type NicTypes } from '@weft/network';
import { NetworkPolicy, type NetworkPolicySpec, type NetworkPolicyTypes } from '@weft/policy';

export type PolicyRead = Readonly<{ uid: string; namespace: string; name: string; spec: NetworkPolicySpec }>;

/** In effect until it has ended. */
export const policyInEffect: View<NetworkPolicyTypes, PolicyRead> = {
  kind: NetworkPolicy,
  name: 'in effect',
  facets: () => ['created', 'spec'],
  of: ({ key: { namespace = '', name }, object }) => ({ uid: object.metadata.uid, namespace, name, spec: specOf(object) }),
};

export const isPlaced: View<NicTypes, true> = {
  kind: NetworkInterface,
  name: 'is placed',
  facets: () => ['placement'],
  of: ({ facts: { placement } }) => (placement === undefined ? undefined : true),
};
