/**
 * What one would write by hand in place of Weft, with as many hops and nothing else in them: static routes, forwarding, one rule where addresses are translated.
 *
 *   guest ── router ── tunnel ── router ── guest          router: as the balancer, `dnat` to the other guest
 *     └── side ── tunnel ── edge ── internet              side: a public address for the guest, or ports of one
 */
import { INTERNET_IPS, type Internet, type LabHost, must, type Netlab } from '@weft/testing';

const PORT = 4_790;
const OPTIONS = `nolearning udp6zerocsumrx`;

export type HandMade = Readonly<{
  guests: readonly [here: string, there: string];
  /** Of the guest there. */
  address: string;
  /** Of the balancer of which the guest there is the target. */
  balanced: string;
  /** Another guest here. */
  published: string;
  /** Its public address. */
  publicIp: string;
}>;

/** `mtu`: as inside the networks beside it. */
export async function handMade(lab: Netlab, internet: Internet, [here, there]: readonly LabHost[], mtu: number): Promise<HandMade> {
  if (here === undefined || there === undefined) throw new Error('two hosts are needed');
  const place = async (name: string) => lab.namespace(`hand-${name}`);
  const [r1, r2, g1, g2] = [await place('r1'), await place('r2'), await place('g1'), await place('g2')];
  await tunnel(9_001, [here, r1], [there, r2], '10.9.0', mtu);
  await wire([g1, '10.9.1.2'], [r1, '10.9.1.1'], mtu);
  await wire([g2, '10.9.2.2'], [r2, '10.9.2.1'], mtu);
  await ip(g1, 'route add default via 10.9.1.1');
  await ip(g2, 'route add default via 10.9.2.1');
  await router(r1, 'route add 10.9.2.0/24 via 10.9.0.2');
  await router(r2, 'route add 10.9.1.0/24 via 10.9.0.1');
  await must(
    r1,
    ['nft', '-f', '-'],
    `table ip t { chain c { type nat hook prerouting priority -100; ip daddr 10.9.9.9 dnat to 10.9.2.2; }; }`,
  );

  const [r3, s1, e1, g3] = [await place('r3'), await place('s1'), await place('e1'), await place('g3')];
  const [publicIp, outside] = ['203.0.113.99', '100.64.0.99'];
  await tunnel(9_002, [here, s1], [there, e1], '10.8.0', mtu);
  await wire([g3, '10.8.1.2'], [r3, '10.8.1.1'], mtu);
  await wire([r3, '10.8.2.1'], [s1, '10.8.2.2'], mtu);
  await must(there.netns, ['ip', 'link', 'add', 'hand', 'netns', e1, 'link', 'up0', 'type', 'macvlan', 'mode', 'bridge']);
  await ip(g3, 'route add default via 10.8.1.1');
  await router(r3, 'route add default via 10.8.2.2');
  await router(s1, 'route add default via 10.8.0.2', 'route add 10.8.1.0/24 via 10.8.2.1');
  await router(
    e1,
    'link set hand up',
    `addr add ${outside}/24 dev hand`,
    'route add default via 100.64.0.254',
    `route add ${publicIp} via 10.8.0.1`,
  );
  const chain = (hook: string, priority: number, rule: string) => `chain ${hook} { type nat hook ${hook} priority ${priority}; ${rule}; }`;
  const rules = [
    chain('prerouting', -100, `ip daddr ${publicIp} dnat to 10.8.1.2`),
    // A connection from outside is translated back by itself.
    chain('postrouting', 100, `ip saddr 10.8.1.2 meta l4proto { tcp, udp } snat to ${publicIp}:1024-2047`),
  ];
  await must(s1, ['nft', '-f', '-'], `table ip t { ${rules.join('\n')}\n }`);
  await ip(internet.netns, `route add ${publicIp} via ${outside} src ${INTERNET_IPS[0]}`);
  return { guests: [g1, g2], address: '10.9.2.2', balanced: '10.9.9.9', published: g3, publicIp };
}

async function ip(netns: string, ...lines: readonly string[]): Promise<void> {
  await must(netns, ['ip', '-batch', '-'], lines.join('\n'));
}

async function router(netns: string, ...routes: readonly string[]): Promise<void> {
  await must(netns, ['sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward']);
  await ip(netns, 'link set lo up', ...routes);
}

/** A pair of devices between two namespaces. */
async function wire(one: readonly [string, string], other: readonly [string, string], mtu: number): Promise<void> {
  const name = (address: string) => `v${address.replaceAll('.', '')}`;
  await ip(one[0], `link add ${name(one[1])} mtu ${mtu} type veth peer name ${name(other[1])} mtu ${mtu} netns ${other[0]}`);
  for (const [netns, address] of [one, other])
    await ip(netns, `addr add ${address}/24 dev ${name(address)}`, `link set ${name(address)} up`);
}

/** A tunnel between two hosts that ends in two namespaces, as `prefix`.1 and `prefix`.2. */
async function tunnel(
  vni: number,
  ...args: readonly [readonly [LabHost, string], readonly [LabHost, string], string, number]
): Promise<void> {
  const [one, other, prefix, mtu] = args;
  for (const [[host, netns], [remote], last] of [
    [one, other, 1],
    [other, one, 2],
  ] as const) {
    const of = `type vxlan id ${vni} dstport ${PORT} local ${host.underlay} remote ${remote.underlay} ${OPTIONS}`;
    await ip(host.netns, `link add vx netns ${netns} ${of}`);
    await ip(netns, `link set vx mtu ${mtu}`, `addr add ${prefix}.${last}/24 dev vx`, 'link set vx up');
  }
}
