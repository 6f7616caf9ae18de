/**
 * Which bucket of a balancer a flow falls into. All hosts must choose the same one, and the kernel chooses with
 *
 *   meta mark set jhash ip saddr . ip daddr . th sport . th dport . meta l4proto mod 8192 seed 0x77656674      (ip6 likewise)
 *
 * so this is that expression: fields in network byte order, each padded to four bytes. The choice depends on the flow only, and with the table
 * on the targets (provider Appendix A.9). `bucket-of-flow.net.spec.ts` holds it to the kernel.
 *
 * ICMP errors quote a packet of the answer: the flow is that packet turned round. Fragments have no ports: give them as 0 for all fragments of a balancer, the
 * first one included.
 */
import ipaddr from 'ipaddr.js';
import { BUCKETS, type BucketTable, targetOfBucket } from './bucket-table.ts';
import { jhash, scaled } from './jhash.ts';

/** "weft". One for all balancers, since rules are the same in all routers. */
export const FLOW_SEED = 0x77656674;

export const L4_PROTOCOLS = { TCP: 6, UDP: 17, SCTP: 132 } as const;

/** What a client sends to a balancer. Addresses in any spelling, of one family. */
export type Flow = Readonly<{
  protocol: keyof typeof L4_PROTOCOLS;
  src: string;
  srcPort: number;
  /** The balancer's address. */
  dst: string;
  dstPort: number;
}>;

export function bucketOf({ protocol, src, srcPort, dst, dstPort }: Flow): number {
  const [from, to] = [ipaddr.parse(src).toByteArray(), ipaddr.parse(dst).toByteArray()];
  const key = Uint8Array.from([...from, ...to, ...padded(srcPort), ...padded(dstPort), L4_PROTOCOLS[protocol], 0, 0, 0]);
  return scaled(jhash(key, FLOW_SEED), BUCKETS);
}

/** Of what has no ports, which edges spread by its addresses: `jhash ip saddr . ip daddr mod 8192`. */
export function bucketOfAddresses({ src, dst }: Readonly<{ src: string; dst: string }>): number {
  const key = Uint8Array.from([...ipaddr.parse(src).toByteArray(), ...ipaddr.parse(dst).toByteArray()]);
  return scaled(jhash(key, FLOW_SEED), BUCKETS);
}

/** The target of a flow. */
export function targetOf(table: BucketTable, flow: Flow): string {
  return targetOfBucket(table, bucketOf(flow));
}

function padded(port: number): readonly number[] {
  return [port >> 8, port & 255, 0, 0];
}
