/**
 * VirtualIP (resources 2.3, 3.5, 3.13): a pool gives it its address, which it keeps for its life, and the first NetworkInterface or LoadBalancer that names
 * it holds it. When that one goes or names it no longer, the next one gets it in one step, or it is free.
 *
 *   free ──Settle {to}──> held ──Settle {from, to}──> held by another one
 *    ^────────Settle {from}──────┘
 *
 * It may be deleted while it is held (resources 1.5): whoever held it loses it.
 */
import {
  AGE_COLUMN,
  accepted,
  conditionFacts,
  defineKind,
  type FactOf,
  NAME_COLUMN,
  objectSchema,
  sameJson,
  specOf,
  statusOf,
  textColumn,
  wantsPublicAddresses,
  withoutStatusField,
  withSpecField,
  withStatus,
} from '@weft/api';
import { NOT_CLAIMED } from './claimants.ts';
import { virtualIpModel } from './virtual-ip.model.ts';
import { virtualIpRules } from './virtual-ip.rules.ts';
import { VirtualIp, type VirtualIpTypes, virtualIpEvents, virtualIpPayloads } from './virtual-ip.types.ts';

type VirtualIpFact = FactOf<VirtualIpTypes>;
type Reference = NonNullable<NonNullable<VirtualIpTypes['spec']>['targetRef']>;

const names = { group: 'networking.ironcore.dev', version: 'v1alpha1', kind: 'VirtualIP' } as const;

/** Its address has the name of its family as slot. */
export const virtualIpAddresses = wantsPublicAddresses(VirtualIp, {
  context: 'ipam',
  condition: 'Ready',
  show: (object, held) => {
    const [ip] = Object.values(held);
    return ip === undefined ? withoutStatusField(object, 'ip') : withStatus(object, { ip });
  },
});

export const virtualIpKind = defineKind(VirtualIp, {
  ...names,
  plural: 'virtualips',
  singular: 'virtualip',
  shortNames: ['vip'],
  namespaced: true,
  nameRule: 'label',
  context: 'ipam',
  partitionKey: ({ namespace = '' }) => namespace,
  hasStatus: true,
  providerStatus: { first: {} },
  tracksGeneration: false,
  columns: [NAME_COLUMN, textColumn('ExternalIP', 'The public address.', (object) => statusOf(object).ip ?? 'None'), AGE_COLUMN],
  schema: objectSchema(names, 'A public address that outlives who uses it.', virtualIpModel),
  model: virtualIpModel,
  defaults: (object) => object,
  rules: virtualIpRules,
  indexes: {
    target: ({ object }) => {
      const uid = specOf(object).targetRef?.uid ?? '';
      return uid === '' ? [] : [uid];
    },
    address: ({ object }) => {
      const { ip } = statusOf(object);
      return ip === undefined ? [] : [ip];
    },
  },
  events: virtualIpEvents,
  payloads: virtualIpPayloads,
  onCreate: (object) => {
    const family = specOf(object).ipFamily === 'IPv6' ? 'IPv6' : 'IPv4';
    const facts = virtualIpAddresses.request({ object, facts: {} }, { [family]: family });
    return accepted<VirtualIpFact>([...facts, ...conditionFacts(object, NOT_CLAIMED)]);
  },
  onChange: ({ object }, after) => accepted(heldBy(specOf(object).targetRef, specOf(after).targetRef)),
  actions: {
    ...virtualIpAddresses.actions,
    Settle: ({ status, object }, { uid, from, to, bound }) => {
      const { targetRef } = specOf(object);
      if (status !== 'live' || object.metadata.uid !== uid || !sameJson(targetRef, from)) return accepted([]);
      return accepted([...heldBy(targetRef, to), ...(bound === undefined ? [] : conditionFacts(object, bound))]);
    },
  },
  evolve: {
    ...virtualIpAddresses.evolve,
    'VirtualIPClaimed.v1': ({ object, facts }, { targetRef }) => ({ object: withSpecField(object, 'targetRef', targetRef), facts }),
    'VirtualIPReleased.v1': ({ object, facts }) => ({ object: withSpecField(object, 'targetRef', undefined), facts }),
  },
  facets: { ...virtualIpAddresses.facets, 'VirtualIPClaimed.v1': 'spec.targetRef', 'VirtualIPReleased.v1': 'spec.targetRef' },
  initialFacts: {},
});

function heldBy(before: Reference | undefined, after: Reference | undefined): readonly VirtualIpFact[] {
  if (sameJson(before, after)) return [];
  return [after === undefined ? { type: 'VirtualIPReleased.v1', data: {} } : { type: 'VirtualIPClaimed.v1', data: { targetRef: after } }];
}
