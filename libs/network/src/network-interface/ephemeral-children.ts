/** Prefixes and the VirtualIP that are made for an interface by its inline templates (resources 3.6, 3.7). */
import {
  AnyPrefix,
  AnyVirtualIp,
  childrenOf,
  type EphemeralPrefixSource,
  type PrefixTemplateSpec,
  specOf,
  type WantedChild,
} from '@weft/api';
import type { NicObject } from './network-interface.facts.ts';
import { NetworkInterface } from './network-interface.types.ts';

type Source = Readonly<{ ephemeral?: EphemeralPrefixSource }>;

const hasTemplate = ({ ephemeral }: Source) => ephemeral !== undefined;

/** Sources are counted with those that are literals, so a child keeps its name when another source becomes a literal. */
function prefixesOf(sources: readonly Source[] | undefined, nameOf: (index: number) => string): readonly WantedChild<PrefixTemplateSpec>[] {
  return (sources ?? []).flatMap(({ ephemeral }, i) => {
    const template = ephemeral?.prefixTemplate;
    return template === undefined ? [] : [{ name: nameOf(i), metadata: template.metadata, spec: template.spec ?? {} }];
  });
}

export const ephemeralPrefixes = childrenOf({
  name: 'interface-prefixes',
  context: 'network',
  parent: NetworkInterface,
  index: 'ephemeralPrefixes',
  child: AnyPrefix,
  apiVersion: 'ipam.ironcore.dev/v1alpha1',
  facets: ['spec.ips', 'spec.prefixes'],
  wantsAny: ({ spec }) => spec?.ips?.some(hasTemplate) === true || spec?.prefixes?.some(hasTemplate) === true,
  wanted: (nic) => {
    const { name } = nic.metadata;
    const { ips, prefixes } = specOf(nic);
    return [...prefixesOf(ips, (i) => `${name}-${i}`), ...prefixesOf(prefixes, (i) => `${name}-pf-${i}`)];
  },
  condition: 'EphemeralPrefixesCreated',
});

function virtualIpOf(nic: NicObject): WantedChild<object> | undefined {
  const template = specOf(nic).virtualIP?.ephemeral?.virtualIPTemplate;
  if (template === undefined) return undefined;
  const { reclaimPolicy, ...spec } = template.spec ?? {};
  const { name, uid } = nic.metadata;
  return {
    name,
    metadata: template.metadata,
    spec: { ...spec, targetRef: { name, uid } },
    // It outlives the interface, not the template (resources 3.7).
    ...(reclaimPolicy === 'Retain' && { unowned: true }),
  };
}

/** It has the name of its interface, which holds it from the beginning. */
export const ephemeralVirtualIp = childrenOf({
  name: 'interface-virtual-ips',
  context: 'network',
  parent: NetworkInterface,
  index: 'ephemeralVirtualIP',
  child: AnyVirtualIp,
  apiVersion: 'networking.ironcore.dev/v1alpha1',
  facets: ['spec.virtualIP'],
  wantsAny: ({ spec }) => spec?.virtualIP?.ephemeral !== undefined,
  wanted: (nic) => {
    const virtualIp = virtualIpOf(nic);
    return virtualIp === undefined ? [] : [virtualIp];
  },
  condition: 'EphemeralVirtualIPCreated',
  target: {
    index: 'target',
    facet: 'spec.targetRef',
    of: (virtualIp) => specOf(virtualIp).targetRef,
    named: (nic) => specOf(nic).virtualIP?.virtualIPRef?.name,
  },
});
