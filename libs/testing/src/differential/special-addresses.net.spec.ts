/** Packets with addresses that are no host's, and for those that only an interface on no host has: what kernels forward of them, and what they drop. */
import { type JsonObject, NETNS_ATTRIBUTE } from '@weft/api';
import type { Packet } from '@weft/fabric';
import { whyNoNetlab } from '../netlab/run.ts';
import { Differential } from './differential.ts';
import { type Host, SPECIAL_IPS, type Topology } from './topology.ts';

const unfit = whyNoNetlab();
const describeHere = unfit === undefined ? describe : describe.skip;
const LIMIT_MS = 120_000;
const AWAY = ['10.0.7.7', 'fd10::7:7'];

const NETWORKING = 'networking.ironcore.dev/v1alpha1';
const isV6 = (ip: string) => ip.includes(':');
/** They hold loopback and multicast addresses, 240.0.0.0/4 and 169.254.0.0/16. */
const RANGES = [
  ['64.0.0.0/2', 'fe00::/7'],
  ['128.0.0.0/1', '4000::/2'],
];

/** `red`: an interface on each of two hosts, with or without ranges, and one on none. All may leave by gateways, or VirtualIPs. */
function objects(hosts: readonly Host[], guests: readonly string[], withRanges: boolean): readonly JsonObject[] {
  const object = (kind: string, name: string, spec: JsonObject, apiVersion = NETWORKING): JsonObject => ({
    apiVersion,
    kind,
    metadata: { namespace: 'ns', name },
    spec,
  });
  const nic = (name: string, ips: readonly string[], more: JsonObject = {}) =>
    object('NetworkInterface', name, {
      networkRef: { name: 'red' },
      ipFamilies: ['IPv4', 'IPv6'],
      ips: ips.map((value) => ({ value })),
      ...more,
    });
  const families = ['IPv4', 'IPv6'] as const;
  return [
    {
      apiVersion: 'fabric.weft.dev/v1alpha1',
      kind: 'AddressPool',
      metadata: { name: 'public' },
      spec: { prefixes: ['203.0.113.0/24', '2001:db8:100::/48'] },
    },
    object('Network', 'red', {}),
    ...families.map((ipFamily) =>
      object('NATGateway', `g-${ipFamily.toLowerCase()}`, {
        type: 'Public',
        ipFamily,
        networkRef: { name: 'red' },
        portsPerNetworkInterface: 64,
      }),
    ),
    ...guests.slice(0, 4).flatMap((netns, i) => [
      nic(`n${i}`, [`10.0.0.${i + 1}`, `fd10::${i + 1}`], {
        attributes: { [NETNS_ATTRIBUTE]: netns },
        ...(withRanges && i < 2 && { prefixes: (RANGES[i] ?? []).map((value) => ({ value })) }),
        ...(i >= 2 && { virtualIP: { virtualIPRef: { name: `v${i}` } } }),
      }),
      ...(i < 2 ? [] : [object('VirtualIP', `v${i}`, { type: 'Public', ipFamily: families[i - 2] as string })]),
      object(
        'Machine',
        `m${i}`,
        {
          machinePoolRef: { name: hosts[i % 2]?.name ?? '' },
          networkInterfaces: [{ name: 'one', networkInterfaceRef: { name: `n${i}` } }],
        },
        'compute.ironcore.dev/v1alpha1',
      ),
    ]),
    nic('away', AWAY),
  ];
}

function packets({ guests, published }: Topology): readonly Packet[] {
  const ports = { srcPort: 20_000, dstPort: 80 };
  const ofFamily = (ips: readonly string[], ip: string) => ips.filter((each) => isV6(each) === isV6(ip));
  const wanted = [...SPECIAL_IPS, ...AWAY];
  const toThem = guests.flatMap(({ nic: from, ips, prefixes = [] }) =>
    ips.flatMap((src) =>
      // What is for a link-local address goes back to the link that it came from, where the guest has it.
      ofFamily(wanted, src)
        .filter((dst) => prefixes.length === 0 || !/^fe[89ab]/.test(dst))
        .flatMap((dst): Packet[] => [
          { from, protocol: 'UDP', src, dst, ...ports },
          { from, protocol: 'ICMP', src, dst },
        ]),
    ),
  );
  const fromRanges = guests.flatMap(({ nic: from, prefixes = [], ips: own }) =>
    prefixes.length === 0
      ? []
      : SPECIAL_IPS.flatMap((src) =>
          ofFamily(
            guests.flatMap(({ ips }) => ips).filter((ip) => !own.includes(ip)),
            src,
          ).map((dst): Packet => ({ from, protocol: 'UDP', src, dst, ...ports })),
        ),
  );
  const fromOutside = SPECIAL_IPS.flatMap((src) =>
    ofFamily(published, src).map((dst): Packet => ({ protocol: 'UDP', src, dst, ...ports })),
  );
  return [...toThem, ...fromRanges, ...fromOutside];
}

describeHere(`Special addresses${unfit === undefined ? '' : ` (${unfit})`}`, () => {
  it.each([[false], [true]])(
    'are forwarded and dropped by kernels as the evaluator says, between guests, to and from the internet (in ranges of guests: %s)',
    async (withRanges) => {
      const run = await Differential.start(1);
      try {
        await run.given((hosts, guests) => objects(hosts, guests, withRanges), packets);
        expect(run.differing).toBe('');
        for (const outcome of ['Martian', 'internet', ...(withRanges ? ['to a range', 'SourceNotOwned'] : ['from the internet'])])
          expect([outcome, (run.met.get(outcome) ?? 0) > 3]).toEqual([outcome, true]);
      } finally {
        await run.close();
      }
    },
    LIMIT_MS,
  );
});
