/** The model of the kernel's choice beside the kernel: the same packets, the same buckets. */
import { must, Netlab, whyNoNetlab } from '@weft/testing';
import { bucketOf, FLOW_SEED, type Flow } from './bucket-of-flow.ts';
import { BUCKETS } from './bucket-table.ts';

const unfit = whyNoNetlab();
const describeHere = unfit === undefined ? describe : describe.skip;

const PORTS = [1, 80, 255, 256, 5_000, 40_001, 65_535];
const CLIENTS = ['127.0.0.1', '127.0.0.2', '127.9.200.255'];

const choice = (ip: 'ip' | 'ip6') =>
  `meta mark set jhash ${ip} saddr . ${ip} daddr . th sport . th dport . meta l4proto mod ${BUCKETS} seed ${FLOW_SEED}`;

/** Notes ports and bucket of each packet: for IPv4 with the source, for which nft 1.0.6 has no room in IPv6 (linux-dataplane 4.7). */
const RULES = `table inet t {
  set seen4 { type ipv4_addr . inet_service . inet_service . mark; flags dynamic; size 65535; }
  set seen6 { type inet_service . inet_service . mark; flags dynamic; size 65535; }
  chain out {
    type filter hook output priority 0;
    meta nfproto ipv4 meta l4proto udp ${choice('ip')}
    meta nfproto ipv4 meta l4proto udp add @seen4 { ip saddr . th sport . th dport . meta mark }
    meta nfproto ipv6 meta l4proto udp ${choice('ip6')}
    meta nfproto ipv6 meta l4proto udp add @seen6 { th sport . th dport . meta mark }
  }
}`;

const SENDER = `
  const { createSocket } = require('node:dgram');
  const { ports, clients } = JSON.parse(process.argv[1]);
  (async () => {
    for (const [family, from, to] of [...clients.map((ip) => ['udp4', ip, '127.0.0.1']), ['udp6', '::1', '::1']])
      for (const port of ports) {
        const socket = createSocket(family);
        await new Promise((done) => socket.bind(port, from, done));
        for (const other of ports) await new Promise((done) => socket.send('x', other, to, done));
        socket.close();
      }
  })();`;

describeHere(`The bucket of a flow${unfit === undefined ? '' : ` (${unfit})`}`, () => {
  it('provider R-41: is the one that nftables chooses, in both families', async () => {
    const lab = await Netlab.create({ hosts: 1 });
    const { netns } = lab.hosts[0] as (typeof lab.hosts)[0];
    await must(netns, ['ip', 'link', 'set', 'lo', 'up']);
    await must(netns, ['nft', RULES]);
    await must(netns, [process.execPath, '-e', SENDER, JSON.stringify({ ports: PORTS, clients: CLIENTS })]);
    const seen = async (set: string): Promise<readonly (readonly (string | number)[])[]> => {
      const { nftables } = JSON.parse(await must(netns, ['nft', '-j', 'list', 'set', 'inet', 't', set])) as {
        nftables: readonly { set?: { elem?: readonly { concat: readonly (string | number)[] }[] } }[];
      };
      return nftables.flatMap((each) => each.set?.elem ?? []).map((element) => element.concat);
    };
    const [four, six] = [await seen('seen4'), await seen('seen6')];
    expect([four.length, six.length]).toEqual([CLIENTS.length * PORTS.length ** 2, PORTS.length ** 2]);
    const flow = (src: string, srcPort: string | number, dst: string, dstPort: string | number): Flow => ({
      protocol: 'UDP',
      src,
      srcPort: Number(srcPort),
      dst,
      dstPort: Number(dstPort),
    });
    for (const [src = '', sport = 0, dport = 0, bucket = 0] of four)
      expect(bucketOf(flow(String(src), sport, '127.0.0.1', dport))).toBe(Number(bucket));
    for (const [sport = 0, dport = 0, bucket = 0] of six) expect(bucketOf(flow('::1', sport, '::1', dport))).toBe(Number(bucket));
    await lab.close();
  });
});
