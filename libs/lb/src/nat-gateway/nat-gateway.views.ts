/** What loops read of gateways, interfaces, Networks and hosts. */
import {
  AnyHost,
  AnyNetwork,
  AnyNetworkInterface,
  conditionOf,
  EVERYTHING,
  type Folded,
  familyOfIp,
  type HoldingHost,
  isDeleting,
  type LoopFacts,
  type NumberedNetwork,
  nameText,
  type SeenNetworkInterface,
  specOf,
  statusOf,
  uidOf,
  unusableAddress,
  type View,
} from '@weft/api';
import { networkOf } from './nat-gateway.kind.ts';
import { NatGateway, type NatGatewayTypes } from './nat-gateway.types.ts';
import type { GatewayId } from './nat-slots.types.ts';

/** `network`: `<namespace>/<network>`. `bornAt`: position of its creation, decimal. */
export type Serving = GatewayId & Readonly<{ network: string; family: string; bornAt: string }>;

/** A gateway that is not being deleted. */
export const serving: View<NatGatewayTypes, Serving> = {
  kind: NatGateway,
  name: 'serving',
  facets: () => ['created', 'deletion', 'spec.ipFamily'],
  of: (gateway) => {
    if (isDeleting(gateway)) return undefined;
    const { key, object, facets } = gateway;
    return {
      namespace: key.namespace ?? '',
      name: key.name,
      uid: object.metadata.uid,
      network: networkOf(gateway),
      family: specOf(object).ipFamily ?? '',
      bornAt: `${facets['created']?.position ?? 0n}`,
    };
  },
};

/** Also of one that is being deleted. */
export const uidOfGateway = uidOf(NatGateway);

/** The one gateway that serves this family of a Network: the oldest that is not being deleted. `network`: `<namespace>/<network>`. */
export function servingGateway(network: string, family: string, facts: LoopFacts): Serving | undefined {
  let first: Serving | undefined;
  for (const gateway of facts.seeAll(serving, 'serves', `${network} ${family}`)) {
    if (first === undefined || BigInt(gateway.bornAt) < BigInt(first.bornAt)) first = gateway;
  }
  return first;
}

/** `families`: those in which it has a private address and no public one. None if it is placed nowhere because of an address: it sends nothing. */
export type NatCandidate = Readonly<{ uid: string; network: string; families: readonly string[]; deleting: boolean }>;

/** An interface as gateways see it (provider 1.6, rule 4). */
export const natCandidate: View<SeenNetworkInterface, NatCandidate> = {
  kind: AnyNetworkInterface,
  name: 'nat-candidate',
  of: (nic) => {
    const { key, object } = nic;
    const { ips = [], virtualIP } = statusOf(object);
    const families = new Set<string>(unusableAddress(ips) === undefined ? ips.map(familyOfIp) : []);
    if (virtualIP !== undefined) families.delete(familyOfIp(virtualIP));
    return {
      uid: object.metadata.uid,
      network: nameText({ namespace: key.namespace ?? '', name: specOf(object).networkRef?.name ?? '' }),
      families: [...families].sort(),
      deleting: isDeleting(nic),
    };
  },
};

/** The host where an interface is placed. */
export const hostOfNic: View<SeenNetworkInterface, string> = {
  kind: AnyNetworkInterface,
  name: 'host',
  facets: () => ['created', 'placement'],
  of: ({ facts: { placement } }) => placement?.host,
};

export const networkExists: View<NumberedNetwork, true> = { kind: AnyNetwork, name: 'exists', facets: () => ['created'], of: () => true };

/** The table of all slots, which every host follows: a slot is in it as long as an interface that lives has it. */
export const NAT_TABLE = 'nat' as const;

/** Whether the kernel of a host reflects what is in the rows of slots at position `arg`. */
export const hasAppliedSlots: View<HoldingHost, boolean> = {
  kind: AnyHost,
  name: 'has-applied-slots',
  of: hasReached,
};

/** Whether nobody has to wait until an edge knows slots as of position `arg`: it does, or its agent is not in order. */
export const knowsSlots: View<HoldingHost, boolean> = {
  kind: AnyHost,
  name: 'knows-slots',
  of: (host, arg) => hasReached(host, arg) || conditionOf(host.object, 'Ready')?.status !== 'True',
};

function hasReached({ facts: { applied = {} } }: Folded<HoldingHost>, at: string): boolean {
  return [NAT_TABLE, EVERYTHING].some((table) => BigInt(applied[table] ?? '0') >= BigInt(at));
}
