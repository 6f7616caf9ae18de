/** Packets through the real kernel: what guests of networks with the same addresses see, on an IPv6 and on an IPv4 underlay. */
import { checkConnectivity, everyPair, KernelWatch, type LabNic, LabWorld, must, Netlab, Probe, run, whyNoNetlab } from '@weft/testing';
import { until } from '@weft/testing/waiting';
import { nextHop, portDevice, routerMac, routerNamespace, routerSourceV4, routerSourceV6 } from './objects/names.ts';

const unfit = whyNoNetlab();
const RED = 300;
/** Beyond 16 bits, and so in two groups of a next hop. */
const BLUE = 70_000;

for (const family of unfit === undefined ? (['v6', 'v4'] as const) : []) {
  describe(`Packets on an I${family === 'v6' ? 'Pv6' : 'Pv4'} underlay`, () => {
    const mtu = family === 'v6' ? 1430 : 1450;
    let lab: Netlab;
    let world: LabWorld;
    let redA: LabNic;
    let redB: LabNic;
    let redC: LabNic;
    let blueA: LabNic;
    beforeAll(async () => {
      lab = await Netlab.create({ hosts: 4, family });
      world = new LabWorld(lab, lab.hosts.slice(0, 3));
      const [h1, h2, h3] = lab.hosts as [LabNic['host'], LabNic['host'], LabNic['host']];
      redA = world.add('red-a', h1, RED, 1);
      redB = world.add('red-b', h2, RED, 2);
      redC = world.add('red-c', h1, RED, 3);
      world.add('red-d', h3, RED, 4);
      blueA = world.add('blue-a', h1, BLUE, 1);
      world.add('blue-b', h2, BLUE, 2);
      world.add('blue-e', h3, BLUE, 5);
      await world.settle();
    });
    afterAll(async () => {
      await world?.close();
      await lab?.close();
    });
    const routerOf = (nic: LabNic): string => routerNamespace(nic.host.index, nic.port.vni);
    /** Pings that reached `target` while `action` ran. */
    const seenBy = async (target: LabNic, action: () => Promise<unknown>): Promise<number> => {
      const before = await lab.pinged(target.netns);
      await action();
      return (await lab.pinged(target.netns)) - before;
    };

    it('packet P-16, P-18, P-27: reach every guest of their network, on the same host and across hosts, and none of another with the same addresses', async () => {
      await checkConnectivity(lab, everyPair(world.nics));
    });

    it('carry TCP and UDP, IPv4 and IPv6', async () => {
      for (const address of redB.ips) {
        await lab.echo(redB.netns, address);
        await lab.call(redA.netns, address);
        await lab.call(redC.netns, address);
      }
    });

    it('packet P-24: find the gateway, and an unreachable where nobody is', async () => {
      for (const gateway of ['169.254.0.1', 'fe80::1%eth0']) {
        expect(await lab.ping(redA.netns, gateway)).toMatchObject({ received: 1 });
      }
      for (const nobody of ['10.0.0.5', 'fd10::5', '192.0.2.1']) {
        // Tried again: the kernel limits how often it says so.
        let text = '';
        const told = async (): Promise<boolean> => {
          const pinged = await lab.ping(redA.netns, nobody, { waitMs: 300 });
          expect(pinged.received).toBe(0);
          text = pinged.text;
          return /Unreachable|unreachable|No route/.test(text);
        };
        await until(() => `no word that ${nobody} is unreachable: ${text}`, told);
      }
    });

    it('name each router on their way when they run out of hops, on the same host and across hosts', async () => {
      const hop = async (to: string, hops: number): Promise<string> => {
        const sent = () => run(redA.netns, ['ping', '-n', '-c', '1', '-W', '0.5', '-t', String(hops), to]);
        let text = '';
        // Tried again: the kernel limits how often it says so.
        await until(
          () => `no word from hop ${hops} to ${to}: ${text}`,
          async () => /exceeded/.test((text = (await sent()).stdout)),
        );
        return /From (\S+?):? /.exec(text)?.[1] ?? '';
      };
      const [here, there] = [redA.host.index, redB.host.index];
      expect(await hop('10.0.0.2', 1)).toBe(routerSourceV4(here));
      expect(await hop('10.0.0.2', 2)).toBe(routerSourceV4(there));
      expect(await hop('10.0.0.3', 1)).toBe(routerSourceV4(here));
      expect(await hop('fd10::2', 1)).toBe(routerSourceV6(RED, here));
      expect(await hop('fd10::2', 2)).toBe(routerSourceV6(RED, there));
    });

    it('ask for the gateway in the name of others and make no neighbour of the router, or few', async () => {
      const { netns } = redA;
      const device = portDevice(redA.port.nic);
      const neighbours = async (of: string) =>
        (await must(routerOf(redA), ['ip', 'neigh', 'show', 'dev', device])).split('\n').filter((line) => line.startsWith(of)).length;
      const forged = Array.from({ length: 40 }, (_, n) => n + 1);
      const addresses = forged.flatMap((n) => [
        `addr add 10.66.0.${n}/32 dev eth0`,
        `addr add fe80::66:${n.toString(16)}/128 dev eth0 nodad`,
      ]);
      await must(netns, ['ip', '-batch', '-'], `${addresses.join('\n')}\n`);
      for (const n of forged) {
        for (const [gateway, source] of [
          ['169.254.0.1', `10.66.0.${n}`],
          ['fe80::1', `fe80::66:${n.toString(16)}`],
        ] as const) {
          await run(netns, ['ip', 'neigh', 'del', gateway, 'dev', 'eth0']);
          await run(netns, [
            'timeout',
            '0.03',
            'ping',
            '-n',
            '-c',
            '1',
            '-I',
            source.includes(':') ? `${source}%eth0` : source,
            source.includes(':') ? `${gateway}%eth0` : gateway,
          ]);
        }
      }
      expect(await neighbours('10.66.')).toBe(0);
      expect(await neighbours('fe80::66:')).toBeLessThan(20); // 8, and 6 each minute.
      await run(netns, ['ip', 'neigh', 'del', '169.254.0.1', 'dev', 'eth0']);
      await must(
        netns,
        ['ip', '-batch', '-'],
        addresses.map((line) => line.replace('addr add', 'addr del').replace(' nodad', '')).join('\n'),
      );
      expect(await lab.ping(netns, '169.254.0.1')).toMatchObject({ received: 1 });
      const gateways = ['169.254.0.1', 'fe80::1'].map(
        (gateway) => `neigh replace ${gateway} lladdr 02:00:00:00:00:01 dev eth0 nud permanent`,
      );
      await must(netns, ['ip', '-batch', '-'], gateways.join('\n'));
    });

    it('packet P-97: are dropped when the source is not the sender’s own', async () => {
      const { netns } = redA;
      await must(
        netns,
        ['ip', '-batch', '-'],
        'addr add 10.0.0.99/32 dev lo\naddr add fd10::99/128 dev lo nodad\naddr add 10.0.0.3/32 dev lo\n',
      );
      const forged = [
        ['10.0.0.99', '10.0.0.2'],
        ['10.0.0.3', '10.0.0.2'],
        ['fd10::99', 'fd10::2'],
      ] as const;
      for (const [source, to] of forged) {
        const before = await lab.counted(routerOf(redA), 'dp', 'from_guest');
        const seen = await seenBy(redB, () => run(netns, ['ping', '-n', '-c', '2', '-i', '0.01', '-W', '0.1', '-I', source, to]));
        const dropped = (await lab.counted(routerOf(redA), 'dp', 'from_guest')) - before;
        expect({ source, seen, dropped: dropped >= 2 }).toEqual({ source, seen: 0, dropped: true });
      }
      await must(netns, ['ip', '-batch', '-'], 'addr del 10.0.0.99/32 dev lo\naddr del fd10::99/128 dev lo\naddr del 10.0.0.3/32 dev lo\n');
    });

    it('are dropped when they come from another MAC', async () => {
      await must(redA.netns, ['ip', 'link', 'set', 'eth0', 'address', '02:aa:aa:aa:aa:aa']);
      const gateways = [
        'neigh replace 169.254.0.1 lladdr 02:00:00:00:00:01 dev eth0 nud permanent',
        'neigh replace fe80::1 lladdr 02:00:00:00:00:01 dev eth0 nud permanent',
      ];
      await must(redA.netns, ['ip', '-batch', '-'], gateways.join('\n'));
      expect(await seenBy(redB, () => lab.ping(redA.netns, '10.0.0.2', { count: 2, waitMs: 100 }))).toBe(0);
      await expect(world.verify(redA.host)).rejects.toThrow(/differs/);
      await world.settle([redA.host]);
      expect(await lab.ping(redA.netns, '10.0.0.2')).toMatchObject({ received: 1 });
    });

    it('are dropped when the tunnel brings an address that is not on that side', async () => {
      const elsewhere = routerOf(redB);
      await must(elsewhere, ['ip', 'addr', 'add', '10.0.0.3/32', 'dev', 'lo']); // Of red-c, on the target's own host.
      const before = await lab.counted(routerOf(redA), 'dp', 'from_router');
      const seen = await seenBy(redA, () =>
        run(elsewhere, ['ping', '-n', '-c', '2', '-i', '0.01', '-W', '0.1', '-I', '10.0.0.3', '10.0.0.1']),
      );
      await must(elsewhere, ['ip', 'addr', 'del', '10.0.0.3/32', 'dev', 'lo']);
      expect([seen, (await lab.counted(routerOf(redA), 'dp', 'from_router')) - before]).toEqual([0, 2]);
    });

    it('packet P-98: too large for the tunnel are told so by the gateway, or cut to pieces where that is allowed', async () => {
      // A guest that ignores its MTU: else it would not even send.
      await must(redA.netns, ['ip', 'link', 'set', 'eth0', 'mtu', '1500']);
      expect(await lab.ping(redA.netns, '10.0.0.2', { size: 1472 })).toMatchObject({ received: 1 });
      expect((await lab.ping(redA.netns, '10.0.0.2', { size: 1472, df: true })).text).toMatch(
        new RegExp(`From ${routerSourceV4(redA.host.index)} .*Frag needed and DF set \\(mtu = ${mtu}\\)`),
      );
      expect((await lab.ping(redA.netns, 'fd10::2', { size: 1452, df: true })).text).toMatch(new RegExp(`Packet too big: mtu=${mtu}`));
      await must(redA.netns, ['ip', 'link', 'set', 'eth0', 'mtu', String(mtu)]);
      expect(await lab.ping(redA.netns, '10.0.0.2', { size: mtu - 28, df: true })).toMatchObject({ received: 1 });
      expect(await lab.ping(redA.netns, 'fd10::2', { size: mtu - 48, df: true })).toMatchObject({ received: 1 });
      await world.verify(redA.host);
    });

    it('too large for the underlay of the host that they go to are told so by the gateway here, and are not lost without a word', async () => {
      const narrow = mtu - 100;
      const underlay = async (device: number, told: number) => {
        await must(redB.host.netns, ['ip', 'link', 'set', 'und0', 'mtu', String(device)]);
        for (const host of world.hosts) world.mtus.set(host, host === redB.host ? told : 1_500);
        await world.settle();
      };
      await underlay(1_400, 1_400);
      const too = new RegExp(`Frag needed and DF set \\(mtu = ${narrow}\\)`);
      expect((await lab.ping(redA.netns, '10.0.0.2', { size: mtu - 28, df: true })).text).toMatch(too);
      expect((await lab.ping(redA.netns, 'fd10::2', { size: mtu - 48, df: true })).text).toMatch(
        new RegExp(`Packet too big: mtu=${narrow}`),
      );
      for (const address of ['10.0.0.2', 'fd10::2'])
        expect(await lab.ping(redA.netns, address, { size: 1_350 })).toMatchObject({ received: 1 });
      await underlay(1_500, 1_500);
      // What a guest was told stays with it for ten minutes.
      for (const family of ['-4', '-6']) await must(redA.netns, ['ip', family, 'route', 'flush', 'cache']);
      expect(await lab.ping(redA.netns, '10.0.0.2', { size: mtu - 28, df: true })).toMatchObject({ received: 1 });
    });

    it('packet P-25, P-26: of an unknown tunnel sender are dropped by the guard, and by nothing else; of a known one by who is not meant', async () => {
      const intruder = lab.hosts[3]!;
      const forged = await lab.namespace(`intruder-${family}`);
      const zero = family === 'v6' ? ' udp6zerocsumrx' : '';
      await must(intruder.netns, [
        'sh',
        '-c',
        `ip link add vx netns ${forged} address ${routerMac(RED, redB.host.index)} type vxlan id ${RED} dstport 4789 local ${intruder.underlay} nolearning${zero}`,
      ]);
      const hop = nextHop(RED, redA.host.index);
      const lines = [
        'link set lo up',
        'link set vx up',
        'addr add 10.0.0.2/32 dev lo',
        `neigh replace ${hop} lladdr ${routerMac(RED, redA.host.index)} dev vx nud permanent`,
        `route add 10.0.0.1/32 via inet6 ${hop} dev vx onlink src 10.0.0.2`,
      ];
      await must(forged, ['ip', '-batch', '-'], lines.join('\n'));
      await must(forged, [
        'bridge',
        'fdb',
        'add',
        routerMac(RED, redA.host.index),
        'dev',
        'vx',
        'dst',
        redA.host.underlay,
        'self',
        'permanent',
      ]);
      const attack = () => lab.ping(forged, '10.0.0.1', { count: 3, waitMs: 100 });

      const before = await lab.counted(redA.host.netns, 'dp_underlay', 'in');
      expect(await seenBy(redA, attack)).toBe(0);
      expect((await lab.counted(redA.host.netns, 'dp_underlay', 'in')) - before).toBe(3);

      const driver = world.drivers.get(redA.host)!;
      const guard = { kind: 'guard', underlay: intruder.underlay, position: '9' } as const;
      await driver.apply({ put: [guard], remove: [] });
      expect(await seenBy(redA, attack)).toBe(3);
      // To a router that is not on this host; then with the number of another network, and of none.
      const [own, other] = [routerMac(RED, redA.host.index), routerMac(RED, redB.host.index)];
      const meant = (mac: string) => must(forged, ['ip', 'neigh', 'replace', hop, 'lladdr', mac, 'dev', 'vx', 'nud', 'permanent']);
      await must(forged, ['bridge', 'fdb', 'add', other, 'dev', 'vx', 'dst', redA.host.underlay, 'self', 'permanent']);
      await meant(other);
      expect(await seenBy(redA, attack)).toBe(0);
      await meant(own);
      for (const vni of [BLUE, 4_000]) {
        await must(forged, [
          'sh',
          '-c',
          `ip link del vx; ip -n ${intruder.netns} link add vx netns ${forged} type vxlan id ${vni} dstport 4789 local ${intruder.underlay} nolearning${zero}`,
        ]);
        await must(forged, ['ip', '-batch', '-'], ['link set vx up', ...lines.slice(3)].join('\n'));
        await must(forged, ['bridge', 'fdb', 'add', own, 'dev', 'vx', 'dst', redA.host.underlay, 'self', 'permanent']);
        expect(await seenBy(redA, attack)).toBe(0);
      }
      await driver.apply({ put: [], remove: [guard] });
      expect(await seenBy(redA, attack)).toBe(0);
    });

    it('do not pass a link that is kept down', async () => {
      const held = world.change(redC, { up: false });
      await world.settle([held.host]);
      expect(await seenBy(held, () => lab.ping(redA.netns, '10.0.0.3', { count: 2, waitMs: 100 }))).toBe(0);
      redC = world.change(held, { up: true });
      await world.settle([redC.host]);
      expect(await lab.ping(redA.netns, '10.0.0.3')).toMatchObject({ received: 1 });
    });

    it('packet P-101: are all delivered while the agent restarts and changes other things, and the kernel is not written without need', async () => {
      const probe = await Probe.start(redA.netns, redB.netns, '10.0.0.2');
      const six = await Probe.start(redB.netns, redA.netns, 'fd10::1', { port: 9_001 });
      const watch = await KernelWatch.start([redA.host.netns, routerOf(redA), redA.netns, routerOf(blueA)]);
      await world.drivers.get(redA.host)!.close();
      world.drivers.set(redA.host, world.driverOn(redA.host));
      await world.settle([redA.host]);
      expect(await watch.stop()).toEqual([]);

      const more = world.add('red-x', redA.host, RED, 40);
      await world.settle();
      world.remove(more);
      redA = world.change(redA, {}); // Another position: label and rules of the very port are written again.
      await world.settle();
      for (const result of [await probe.stop(), await six.stop()]) {
        expect(result).toMatchObject({ lost: 0, doubled: 0, reordered: 0 });
        expect(result.sent).toBeGreaterThan(200);
      }
    });

    it('of a removed port leave no state behind', async () => {
      const gone = world.add('red-y', redA.host, RED, 50);
      await world.settle();
      expect(await lab.ping(redB.netns, '10.0.0.50', { count: 2 })).toMatchObject({ received: 2 });
      const tracked = async () =>
        (await must(routerOf(gone), ['sh', '-c', 'conntrack -L 2>/dev/null; conntrack -L -f ipv6 2>/dev/null'])).includes('10.0.0.50');
      expect(await tracked()).toBe(true);
      world.remove(gone);
      await world.settle();
      expect(await tracked()).toBe(false);
      expect((await run(gone.netns, ['ip', '-o', 'link', 'show'])).stdout).not.toContain('eth0');
    });

    it('move with their address to another host', async () => {
      const here = world.add('red-m', redA.host, RED, 60);
      await world.settle();
      expect(await lab.ping(redC.netns, '10.0.0.60')).toMatchObject({ received: 1 });
      world.remove(here);
      await world.settle([here.host]);
      const there = world.add('red-m2', lab.hosts[2]!, RED, 60);
      await world.settle();
      for (const ip of there.ips) expect(await lab.ping(redC.netns, ip)).toMatchObject({ received: 1 });
      world.remove(there);
      await world.settle();
    });
  });
}

if (unfit !== undefined) it.skip(`Packets between network namespaces (${unfit})`, () => {});
