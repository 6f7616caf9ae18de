/** LoadBalancer and VirtualIP as policies see them: labels, a Network, addresses. */
import { Type } from '@sinclair/typebox';
import {
  accepted,
  type DataOf,
  type DomainModule,
  defineEvents,
  defineKind,
  domainOf,
  type KindModule,
  kindRef,
  NAME_COLUMN,
  specOf,
  withStatus,
} from '@weft/api';
import { networkDomain } from '@weft/network';
import { policyDomain } from '../policy.domain.ts';

const ips = Type.Object({ ips: Type.Array(Type.String()) });
const events = defineEvents({ 'AddressesSet.v1': ips });
const payloads = { SetAddresses: ips };
type Status = Readonly<{ ips?: readonly string[]; ip?: string }>;
type Addressed = {
  spec: Readonly<{ networkRef?: Readonly<{ name?: string }> }>;
  status: Status;
  facts: Record<never, never>;
  events: DataOf<typeof events>;
  actions: DataOf<typeof payloads>;
  index: 'network' | 'virtualIP' | 'target';
};

/** `facet`: as the real kind says that its addresses have changed. */
function addressed(kind: string, facet: string, statusOf: (ips: readonly string[]) => Status): KindModule {
  return defineKind<Addressed>(kindRef<Addressed>(kind), {
    group: 'networking.ironcore.dev',
    version: 'v1alpha1',
    kind,
    plural: `${kind.toLowerCase()}s`,
    singular: kind.toLowerCase(),
    shortNames: [],
    namespaced: true,
    nameRule: 'label',
    context: 'lb',
    partitionKey: ({ namespace = '' }) => namespace,
    hasStatus: true,
    tracksGeneration: false,
    columns: [NAME_COLUMN],
    schema: {},
    defaults: (object) => object,
    rules: () => [],
    indexes: {
      network: ({ key, object }) => [`${key.namespace}/${specOf(object).networkRef?.name}`],
      virtualIP: () => [],
      target: () => [],
    },
    events,
    payloads,
    actions: { SetAddresses: (_, data) => accepted([{ type: 'AddressesSet.v1', data }]) },
    evolve: { 'AddressesSet.v1': ({ object, facts }, data) => ({ object: withStatus(object, statusOf(data.ips)), facts }) },
    facets: { 'AddressesSet.v1': facet },
    initialFacts: {},
  });
}

const balancer = addressed('LoadBalancer', 'addresses', (all) => ({ ips: all }));
const virtualIp = addressed('VirtualIP', 'publicAddresses', ([ip]) => (ip === undefined ? {} : { ip }));

/** Policies with everything that they may select. */
export const domains: readonly DomainModule[] = [networkDomain, domainOf('lb', [{ kinds: [balancer, virtualIp] }]), policyDomain];
