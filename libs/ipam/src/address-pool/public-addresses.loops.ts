/** Control loops of public addresses: objects get what they want, and give back what they do not want any more; released addresses rest. */
import {
  AnyHost,
  AnyNetwork,
  commandsOf,
  type Draft,
  EVERYTHING,
  grantKey,
  type HoldingHost,
  isDeleting,
  type KindRef,
  kindRef,
  type Loop,
  type LoopFacts,
  loopOverRecords,
  publicAddressGrants,
  selects,
  specOf,
  type UntypedKind,
  type View,
} from '@weft/api';
import { AddressPool, type AddressPoolTypes } from './address-pool.types.ts';
import { type AddressRequest, addressRequests, addressRests, addressWaits } from './public-addresses.ledgers.ts';
import { PUBLIC_ADDRESSES, type PublicAddressPoolTypes } from './public-addresses.types.ts';

/** How long a released address rests at least: TIME_WAIT of the far ends and the time until all have learned that it is gone (as provider R-10). */
export const ADDRESS_REST_MS = 240_000;

const command = commandsOf<PublicAddressPoolTypes>(PUBLIC_ADDRESSES);

type Labels = Readonly<Record<string, string>>;
type Serving = Readonly<{ name: string; selector: AddressPoolSelector }>;
type AddressPoolSelector = NonNullable<ReturnType<typeof specOf<{ spec?: AddressPoolTypes['spec'] }>>['networkSelector']>;

/** A pool that is not being deleted, and whom it serves. */
const servingPool: View<AddressPoolTypes, Serving> = {
  kind: AddressPool,
  name: 'serving',
  facets: () => ['created', 'deletion', 'spec.networkSelector'],
  of: (pool) => (isDeleting(pool) ? undefined : { name: pool.key.name, selector: specOf(pool.object).networkSelector ?? {} }),
};

const labelViews = new Map<string, View<UntypedKind, Labels>>();

/** The labels of an object of any kind. */
function labelsOf(kind: KindRef<UntypedKind>): View<UntypedKind, Labels> {
  let view = labelViews.get(kind.kind);
  if (view === undefined) {
    view = { kind, name: 'labels', facets: () => ['created', 'labels'], of: ({ object }) => object.metadata.labels ?? {} };
    labelViews.set(kind.kind, view);
  }
  return view;
}

/**
 * Names of the pools with addresses of this family that serve an object, sorted: in this order they are tried. Undefined: its Network, whose labels decide,
 * is not there.
 */
function poolsFor({ kind, namespace, name, network }: AddressRequest, family: string, facts: LoopFacts): string[] | undefined {
  const of = network === undefined ? kindRef<UntypedKind>(kind) : kindRef<UntypedKind>(AnyNetwork.kind);
  const labels = facts.see(labelsOf(of), { namespace, name: network ?? name });
  if (labels === undefined) return undefined;
  const pools: string[] = [];
  for (const pool of facts.seeAll(servingPool, 'family', family)) if (selects(pool.selector, labels)) pools.push(pool.name);
  return pools.sort();
}

/** Each slot gets an address, or is told which pools have none. It asks again when other pools serve it; at first, once its Network is there. */
const allocateAddresses = loopOverRecords(addressRequests, {
  name: 'allocate-addresses',
  context: 'ipam',
  provider: 'weft',
  owed: (request, uid, facts) => {
    const { kind, namespace, name, wanted } = request;
    return Object.entries(wanted).flatMap(([slot, { family, since }]): readonly Draft[] => {
      const grant = facts.record(publicAddressGrants, grantKey(uid, slot));
      if (grant !== undefined && (grant.since !== since || grant.ip !== undefined)) return [];
      const pools = poolsFor(request, family, facts) ?? (grant === undefined ? undefined : []);
      if (pools === undefined || grant?.pools.join() === pools.join()) return [];
      return [command('AllocateAddress', { uid, slot, since, kind, namespace, name, family, pools })];
    });
  },
});

/** An address whose slot is not wanted any more, since this request, is given back; so is the request of one that waits. */
const releaseAddresses = loopOverRecords(publicAddressGrants, {
  name: 'release-addresses',
  context: 'ipam',
  provider: 'weft',
  owed: ({ since }, key, facts) => {
    const space = key.indexOf(' ');
    const [uid, slot] = [key.slice(0, space), key.slice(space + 1)];
    const isWanted = facts.record(addressRequests, uid)?.wanted[slot]?.since === since;
    return isWanted ? [] : [command('ReleaseAddress', { uid, slot, since })];
  },
});

/** What has become free goes to those who wait, some at a time: the command says how many they are, so the next one is another thing that is owed. */
const fillAddresses = loopOverRecords(addressWaits, {
  name: 'fill-addresses',
  context: 'ipam',
  provider: 'weft',
  owed: ({ waiting, retry }) => (retry ? [command('FillAwaited', { waiting })] : []),
});

/** For a position: a host whose kernel may hold what was in rows until then. A Host that is deleted is waited for no more. */
const mayHold: View<HoldingHost, true> = {
  kind: AnyHost,
  name: 'may-hold',
  of: ({ facts: { applied } }, at) => (BigInt(applied?.[EVERYTHING] ?? 0) < BigInt(at) ? true : undefined),
};

/** Its time has passed, and no host is behind that may still send as the address, or forward for it. A host that is Converged so long after it has applied it. */
const restAddresses = loopOverRecords(addressRests, {
  name: 'rest-addresses',
  context: 'ipam',
  provider: 'weft',
  notBefore: ({ sinceMs }) => sinceMs + ADDRESS_REST_MS,
  owed: ({ sinceMs: _, at, ...released }, _key, facts) => {
    for (const _host of facts.seeAll(mayHold, 'behind', '', at)) return [];
    return [command('RestAddress', released)];
  },
});

export const publicAddressLoops: readonly Loop[] = [allocateAddresses, releaseAddresses, fillAddresses, restAddresses];
