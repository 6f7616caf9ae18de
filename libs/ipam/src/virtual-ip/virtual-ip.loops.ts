/** Control loops of VirtualIPs: they accept the address, and give the VirtualIP to who names it. */
import {
  AnyLoadBalancer,
  AnyNetworkInterface,
  type ApiObject,
  act,
  conditionOf,
  EPHEMERAL_ANNOTATION,
  EPHEMERAL_MANAGER,
  isDeleting,
  type Loop,
  type LoopFacts,
  loopOver,
  nameText,
  sameJson,
  specOf,
  uidOf,
} from '@weft/api';
import { boundTo, claimantsOf } from './claimants.ts';
import { virtualIpAddresses } from './virtual-ip.kind.ts';
import { VirtualIp, type VirtualIpTypes } from './virtual-ip.types.ts';

type Reference = Readonly<{ name?: string; uid?: string }>;

/**
 * The holder keeps it while it names it, also while the holder is being deleted. Otherwise the first one that names it gets it in its place. A holder that a
 * client wrote, or another incarnation of it, is no holder (resources 1.11).
 */
const settleVirtualIp = loopOver(VirtualIp, {
  name: 'settle-virtual-ip',
  context: 'ipam',
  provider: 'weft',
  owed: (virtualIp, facts) => {
    if (isDeleting(virtualIp)) return [];
    const { key, object } = virtualIp;
    const { targetRef: from } = specOf(object);
    const claimants = claimantsOf(nameText(key), facts);
    const holder = claimants.find(({ uid }) => uid === from?.uid) ?? claimants.find((claimant) => !claimant.isDeleting);
    const to = holder && { name: holder.name, uid: holder.uid };
    const bound = boundTo(holder, claimants);
    const said = conditionOf(object, bound.type);
    if (from !== undefined && holder?.uid !== from.uid && isAboutToGo(object, from, facts)) return [];
    if (sameJson(from, to) && said?.reason === bound.reason && said.message === bound.message) return [];
    return [act(VirtualIp, key, 'Settle', { uid: object.metadata.uid, bound, ...(from && { from }), ...(to && { to }) })];
  },
});

const uidOfInterface = uidOf(AnyNetworkInterface);

/**
 * Whether it was made for an interface that lives and does not want it any more. That interface deletes it, retained or not, and finds it by its holder
 * (resources 3.7, E-12).
 */
function isAboutToGo({ metadata }: ApiObject<VirtualIpTypes>, { name = '', uid }: Reference, facts: LoopFacts): boolean {
  const { namespace = '', annotations } = metadata;
  return annotations?.[EPHEMERAL_ANNOTATION] === EPHEMERAL_MANAGER && facts.see(uidOfInterface, { namespace, name }) === uid;
}

const uidOfBalancer = uidOf(AnyLoadBalancer);

/** An outside provider gives it to its holder, and may be away when that one goes (resources 3.5). */
const releaseVirtualIp = loopOver(VirtualIp, {
  name: 'release-virtual-ip',
  context: 'ipam',
  provider: 'external',
  owed: (virtualIp, facts) => {
    const { key, object } = virtualIp;
    const { targetRef: from } = specOf(object);
    if (from === undefined || isDeleting(virtualIp)) return [];
    const { name = '', uid } = from;
    const holder = { ...key, name };
    if (uid !== undefined && (facts.see(uidOfInterface, holder) === uid || facts.see(uidOfBalancer, holder) === uid)) return [];
    return [act(VirtualIp, key, 'Settle', { uid: object.metadata.uid, from })];
  },
});

export const virtualIpLoops: readonly Loop[] = [virtualIpAddresses.loop, settleVirtualIp, releaseVirtualIp];
