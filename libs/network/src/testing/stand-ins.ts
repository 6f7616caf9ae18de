/** Kinds of other contexts as this one sees them: objects with the indexes that cross, and nothing that acts on them. An outside provider writes their status. */
import type { Context, DomainModule, Folded, KindModule } from '@weft/api';

function standIn(context: Context, group: string, kind: string, indexes: NonNullable<KindModule['indexes']> = {}): KindModule {
  const lower = kind.toLowerCase();
  return {
    group,
    version: 'v1alpha1',
    kind,
    plural: `${lower}s`,
    singular: lower,
    shortNames: [],
    namespaced: true,
    nameRule: 'subdomain',
    context,
    partitionKey: ({ namespace = '' }) => namespace,
    hasStatus: true,
    tracksGeneration: false,
    columns: [],
    schema: {},
    defaults: (object) => object,
    rules: () => [],
    indexes,
    evolve: {},
    initialFacts: {},
    facetOf: () => undefined,
  };
}

const network = ({ key, object }: Folded): readonly string[] => {
  const { networkRef } = (object.spec ?? {}) as { networkRef?: { name: string } };
  return networkRef === undefined ? [] : [`${key.namespace}/${networkRef.name}`];
};

const NETWORKING = 'networking.ironcore.dev';
const domain = (context: Context, ...kinds: readonly KindModule[]): DomainModule => ({ context, kinds, reservations: [] });

export const standIns: readonly DomainModule[] = [
  domain('ipam', standIn('ipam', 'ipam.ironcore.dev', 'Prefix')),
  domain('lb', standIn('lb', NETWORKING, 'LoadBalancer', { network }), standIn('lb', NETWORKING, 'NATGateway', { network })),
  domain('policy', standIn('policy', NETWORKING, 'NetworkPolicy')),
];
