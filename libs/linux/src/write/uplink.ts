/** The way of an edge to the internet: a device of its own in the router of the public side, over one of the host. */
import { UPLINK_DEVICE } from '@weft/fabric';
import { HOST, type KernelAccess } from '../kernel/kernel-access.ts';
import { isV4, ROUTE_PROTOCOL } from '../objects/names.ts';
import { LineBatch } from './line-batch.ts';

export type Uplink = Readonly<{
  /** Of the host. It stays there: what is in the router is a macvlan over it. */
  device: string;
  /** With their lengths, canonical: `192.0.2.2/24`. */
  addresses: readonly string[];
  /** Next hops of the default routes, canonical; none: somebody else makes these (a routing daemon). */
  gateways: readonly string[];
}>;

/** Every 20 ms. */
const REACHING_LOOKS = 100;

/** What is there stays, with all that others gave it. The refusal, or undefined. */
export async function writeUplink(
  access: KernelAccess,
  namespace: string,
  { device, addresses, gateways }: Uplink,
): Promise<string | undefined> {
  const [missing] = await access.ip(namespace, [`link set ${UPLINK_DEVICE} up`]);
  if (missing !== undefined) {
    const [fault] = await access.ip(HOST, [`link add link ${device} name ${UPLINK_DEVICE} netns ${namespace} type macvlan mode bridge`]);
    if (fault !== undefined) return `the uplink over ${device} cannot be made: ${fault.detail}`;
  }
  const lines = new LineBatch().add('', `link set ${UPLINK_DEVICE} up`);
  for (const each of addresses) lines.add('', `addr replace ${each} dev ${UPLINK_DEVICE}${isV4(each) ? '' : ' nodad'}`);
  if (missing !== undefined) {
    const fault = (await lines.run((each) => access.ip(namespace, each))).get('');
    if (fault !== undefined) return fault;
    await access.shell(namespace, reaching(gateways));
  }
  for (const each of gateways)
    lines.add('', `route replace ${isV4(each) ? '0.0.0.0/0' : '::/0'} via ${each} dev ${UPLINK_DEVICE} onlink proto ${ROUTE_PROTOCOL}`);
  return (await lines.run((each) => access.ip(namespace, each))).get('');
}

/**
 * A script that waits until the device can be sent by, and gives up after some seconds (so many looks): a gateway that does not answer keeps no host from its
 * work. The kernel puts off what follows from its carrier, and makes its link-local address in a queue of work: without one it asks for no neighbour of IPv6,
 * does not ask again for a second, and keeps 0.3 s of a thousand packets a second meanwhile. So hosts that sent by another edge until now would lose some.
 */
function reaching(gateways: readonly string[]): string {
  const tells = 'ip link show dev $device >/dev/null; test -n "$(ip -6 -o addr show dev $device scope link -tentative)"';
  const asks = gateways.map((each) => `ip neigh replace ${each} dev $device use`);
  const knows = gateways.map((each) => `ip neigh show ${each} dev $device | grep -q lladdr`);
  const steps = [tells, ...asks.map((ask, at) => `{ ${knows[at]} || { ${ask}; false; }; }`)].join(' && ');
  return `device=${UPLINK_DEVICE}; for left in $(seq ${REACHING_LOOKS}); do ${steps} && break; sleep 0.02; done`;
}
