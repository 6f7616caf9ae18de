/** Control loops of VirtualIPs: they accept the address, and give the VirtualIP to who names it. */
import { act, conditionOf, isDeleting, type Loop, loopOver, nameText, sameJson, specOf } from '@weft/api';
import { boundTo, claimantsOf } from './claimants.ts';
import { virtualIpAddresses } from './virtual-ip.kind.ts';
import { VirtualIp } from './virtual-ip.types.ts';

/**
 * The holder keeps it while it names it, also while the holder is being deleted. Otherwise the first one that names it gets it in its place. A holder that a
 * client wrote, or another incarnation of it, is no holder (resources 1.11).
 */
const settleVirtualIp = loopOver(VirtualIp, {
  name: 'settle-virtual-ip',
  context: 'ipam',
  owed: (virtualIp, facts) => {
    if (isDeleting(virtualIp)) return [];
    const { key, object } = virtualIp;
    const { targetRef: from } = specOf(object);
    const claimants = claimantsOf(nameText(key), facts);
    const holder = claimants.find(({ uid }) => uid === from?.uid) ?? claimants.find((claimant) => !claimant.isDeleting);
    const to = holder && { name: holder.name, uid: holder.uid };
    const bound = boundTo(holder, claimants);
    const said = conditionOf(object, bound.type);
    if (sameJson(from, to) && said?.reason === bound.reason && said.message === bound.message) return [];
    return [act(VirtualIp, key, 'Settle', { uid: object.metadata.uid, bound, ...(from && { from }), ...(to && { to }) })];
  },
});

export const virtualIpLoops: readonly Loop[] = [virtualIpAddresses.loop, settleVirtualIp];
