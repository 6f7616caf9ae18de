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
  for (const each of gateways)
    lines.add('', `route replace ${isV4(each) ? '0.0.0.0/0' : '::/0'} via ${each} dev ${UPLINK_DEVICE} onlink proto ${ROUTE_PROTOCOL}`);
  return (await lines.run((each) => access.ip(namespace, each))).get('');
}
