/** What the rows of policies read of a policy, with the facets (DESIGN 9.8) that it depends on. What they read of members is said in `@weft/policy`. */
import { specOf, type View } from '@weft/api';
import { NetworkInterface, type NicTypes } from '@weft/network';
import { isStaged, NetworkPolicy, type NetworkPolicySpec, type NetworkPolicyTypes } from '@weft/policy';

export type PolicyRead = Readonly<{ uid: string; namespace: string; name: string; spec: NetworkPolicySpec; isStaged: boolean }>;

/** In effect until it has ended. */
export const policyInEffect: View<NetworkPolicyTypes, PolicyRead> = {
  kind: NetworkPolicy,
  name: 'in effect',
  facets: () => ['created', 'spec', 'annotations'],
  of: ({ key: { namespace = '', name }, object }) => ({
    ...{ uid: object.metadata.uid, namespace, name },
    spec: specOf(object),
    isStaged: isStaged(object),
  }),
};

export const isPlaced: View<NicTypes, true> = {
  kind: NetworkInterface,
  name: 'is placed',
  facets: () => ['placement'],
  of: ({ facts: { placement } }) => (placement === undefined ? undefined : true),
};
