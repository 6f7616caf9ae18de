/**
 * What dnsmasq and radvd are told of the guests of one router that get answers. Pure. Each port has a network of its own, which is its address: a client that asks by
 * that port, with the MAC of its interface, gets that address, and nobody else gets anything. The next hop is the gateway, by a route of its own (RFC 3442), since a
 * /32 has no neighbours. `dhcp-broadcast` keeps dnsmasq from writing neighbours, which are the agent's.
 */
import { Type } from '@sinclair/typebox';
import { GATEWAY_V4, isV4 } from '../objects/names.ts';

/** A port whose guest gets answers. */
export type AnsweredPort = Readonly<{ device: string; mac: string; ips: readonly string[] }>;
/** `mtu`: of guests. `dns`: canonical addresses of resolvers, which guests are told of. */
export type Answers = Readonly<{ mtu: number; dns: readonly string[]; ports: readonly AnsweredPort[] }>;
const texts = Type.Array(Type.String());
export const answersShape = Type.Object({
  mtu: Type.Integer(),
  dns: texts,
  ports: Type.Array(Type.Object({ device: Type.String(), mac: Type.String(), ips: texts })),
});
/** `radvd` is absent where no guest has an IPv6 address. */
export type AnswerFiles = Readonly<{ dnsmasq: string; radvd?: string }>;

/**
 * In seconds. A guest that was installed anew has another DUID, and gets its address once the lease of the former one is over: dnsmasq does not see that both ask by one
 * port. IPv4 goes by the MAC, so its leases never end.
 */
const LEASE6_S = 300;
/** The longest that a router may say (RFC 4861, 6.2.1): what starts after an outage of the host's agent finds guests as they were. */
const ROUTER_LIFETIME_S = 9_000;

const DNSMASQ = [
  'port=0',
  'bind-dynamic',
  'except-interface=lo',
  'leasefile-ro',
  'no-ping',
  'no-resolv',
  'no-hosts',
  'quiet-dhcp',
  'quiet-dhcp6',
  'dhcp-authoritative',
  'dhcp-broadcast',
  'dhcp-ignore-clid',
  // No route by option 3: a client that knows no other could not use it.
  'dhcp-option=3',
  // Some clients take a range without a next hop for one host.
  `dhcp-option=121,169.254.0.0/16,0.0.0.0,${GATEWAY_V4}/32,0.0.0.0,0.0.0.0/0,${GATEWAY_V4}`,
];

export function answerFiles({ mtu, dns, ports }: Answers): AnswerFiles {
  const [dns4, dns6] = [dns.filter(isV4), dns.filter((address) => !isV4(address))];
  const dnsmasq = [
    ...DNSMASQ,
    `dhcp-lease-max=${2 * ports.length + 100}`,
    `dhcp-option=26,${mtu}`,
    ...(dns4.length > 0 ? [`dhcp-option=6,${dns4.join()}`] : []),
    ...(dns6.length > 0 ? [`dhcp-option=option6:dns-server,${dns6.map((address) => `[${address}]`).join()}`] : []),
    ...ports.flatMap(linesOfPort),
  ];
  const routed = ports.filter(({ ips }) => !ips.every(isV4));
  const settings = `AdvSendAdvert on; AdvManagedFlag on; AdvOtherConfigFlag on; AdvDefaultLifetime ${ROUTER_LIFETIME_S}; AdvLinkMTU ${mtu}; IgnoreIfMissing on;`;
  const radvd = routed.map(({ device }) => `interface ${device} { ${settings} };`);
  return { dnsmasq: textOf(dnsmasq), ...(radvd.length > 0 && { radvd: textOf(radvd) }) };
}

function linesOfPort({ device, mac, ips }: AnsweredPort): readonly string[] {
  const ranges = ips.flatMap((ip) => [
    isV4(ip) ? `dhcp-range=${ip},static,255.255.255.255,infinite` : `dhcp-range=${ip},static,128,${LEASE6_S}`,
    `shared-network=${device},${ip}`,
  ]);
  const addresses = ips.map((ip) => (isV4(ip) ? ip : `[${ip}]`)).join();
  return [`interface=${device}`, ...ranges, `dhcp-host=${mac},tag:${device},${addresses}`];
}

const textOf = (lines: readonly string[]): string => `${lines.join('\n')}\n`;
