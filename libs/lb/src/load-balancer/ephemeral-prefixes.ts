/** Prefixes that are made for an Internal balancer by the inline templates of its addresses (resources 3.8). */
import { AnyPrefix, childrenOf, specOf } from '@weft/api';
import { LoadBalancer } from './load-balancer.types.ts';

/** `<balancer>-<i>`: sources are counted with those that are literals. */
export const ephemeralPrefixes = childrenOf({
  name: 'balancer-prefixes',
  context: 'lb',
  parent: LoadBalancer,
  index: 'ephemeralPrefixes',
  child: AnyPrefix,
  apiVersion: 'ipam.ironcore.dev/v1alpha1',
  // One that is Public has no `ips`: its defaults drop them.
  facets: ['spec.ips'],
  wantsAny: ({ spec }) => spec?.ips?.some(({ ephemeral }) => ephemeral !== undefined) === true,
  wanted: (balancer) => {
    const { ips = [] } = specOf(balancer);
    return ips.flatMap(({ ephemeral }, i) => {
      const template = ephemeral?.prefixTemplate;
      return template === undefined
        ? []
        : [{ name: `${balancer.metadata.name}-${i}`, metadata: template.metadata, spec: template.spec ?? {} }];
    });
  },
  condition: 'EphemeralPrefixesCreated',
});
