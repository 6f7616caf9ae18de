/** Packets from the internet to public balancers: chosen at any edge, served by any host, answered directly (linux-dataplane 4.7). */
import { type BalancerRow, backendsOf, type Flow, policiesTable, type Row, type TargetRow, targetOf } from '@weft/fabric';
import {
  type Call,
  callFrom,
  holdFrom,
  type Inside,
  Internet,
  type LabNic,
  LabWorld,
  must,
  Netlab,
  serveIn,
  until,
  whyNoNetlab,
} from '@weft/testing';
import { routerNamespace } from './objects/names.ts';

const unfit = whyNoNetlab();
const RED = 300;
const BLUE = 301;
const PUBLIC = 1;
const VIPS = ['203.0.113.7', '2001:db8:100::7'];
const NAT = ['203.0.113.20', '2001:db8:100::20'];
const [V4, V6] = ['203.0.113.80', '2001:db8:100::80'];
const ADDRESSES = [V4, V6];

if (unfit !== undefined) it.skip(`Packets from the internet to balancers (${unfit})`, () => {});
else
  describe('Packets from the internet to an address of a balancer', () => {
    let lab: Netlab;
    let internet: Internet;
    let world: LabWorld;
    /** On the edges h1 and h2, two on the host h3, and one that serves nothing. */
    let one: LabNic;
    let two: LabNic;
    let third: LabNic;
    let fourth: LabNic;
    let inside: LabNic;
    let position = 1_000;
    let nextPort = 20_000;
    const behind = () => ({ position: String(position++), because: [] });
    const all = () => [one, two, third, fourth];
    const targets = () => [...world.table(`targets.${RED}`).values()] as TargetRow[];
    const serve = (nic: LabNic, failed?: true) => {
      const row = { balancer: 'lb', target: nic.port.nic, name: nic.name, ips: [...nic.ips], ...(failed && { failed }), ...behind() };
      world.table(`targets.${RED}`).set(`lb/${nic.port.nic}`, row);
      const where = { vni: RED, nic: nic.port.nic, host: nic.host.name, mac: nic.port.mac };
      world.table('targets.1').set(`lb/${nic.port.nic}`, { ...row, ...where } as Row);
    };
    const leave = (nic: LabNic) => {
      for (const table of [`targets.${RED}`, 'targets.1'] as const) world.table(table).delete(`lb/${nic.port.nic}`);
    };
    const nameOf = (answer: string): string => answer.split(' ')[0]!;
    const peerOf = (answer: string): string => answer.split(' ')[1]!;
    const chosen = (flow: Flow): string => {
      const backends = backendsOf(targets(), flow.dst.includes(':') ? 'IPv6' : 'IPv4')!;
      return targets().find(({ target }) => target === targetOf(backends.table, flow))!.name;
    };
    const flowsTo = (dst: string, protocol: 'TCP' | 'UDP', count: number): readonly Flow[] => {
      const src = internet.ips.find((ip) => ip.includes(':') === dst.includes(':'))!;
      return Array.from({ length: count }, () => ({ protocol, src, srcPort: nextPort++, dst, dstPort: 80 }));
    };
    const sent = (flows: readonly Flow[], more: Partial<Call> = {}) =>
      callFrom(
        internet.netns,
        flows.map(({ protocol, src, srcPort, dst, dstPort }) => ({ protocol: protocol as 'TCP', src, srcPort, dst, dstPort, ...more })),
      );

    beforeAll(async () => {
      lab = await Netlab.create({ hosts: 3 });
      const [h1, h2, h3] = lab.hosts as [LabNic['host'], LabNic['host'], LabNic['host']];
      internet = await Internet.create(lab, [h1, h2]);
      world = new LabWorld(lab, lab.hosts, internet);
      one = world.add('one', h1, RED, 11);
      two = world.add('two', h2, RED, 12);
      third = world.add('third', h3, RED, 13);
      fourth = world.add('fourth', h3, RED, 14);
      inside = world.add('inside', h3, RED, 2);
      const balancer: BalancerRow = {
        ...{ balancer: 'lb', namespace: 'default', name: 'web', vni: RED, number: 7, scheme: 'Public', ips: ADDRESSES },
        ports: [
          { protocol: 'TCP', first: 80, last: 90 },
          { protocol: 'UDP', first: 80, last: 81 },
        ],
        ...behind(),
      };
      for (const table of [`balancers.${RED}`, 'balancers.1'] as const) world.table(table).set('lb', balancer);
      await world.settle();
      await Promise.all([...all(), inside].map(({ netns, name }) => serveIn(netns, name)));
      await serveIn(internet.netns, 'internet');
    });
    afterAll(async () => {
      await world?.close();
      await lab?.close();
    });

    it('come only to targets that pass their checks: these are asked by their host, from the router of their network', async () => {
      const { ips } = third;
      const asked = (protocol: 'TCP' | 'UDP' | 'ICMP', port?: number) => {
        const check = { protocol, ...(port !== undefined && { port }), intervalMs: 1_000, timeoutMs: 1_000, rise: 1, fall: 1 };
        return Promise.all(ips.map((ip) => world.drivers.get(third.host)!.probe({ vni: RED, ip, check })));
      };
      const questions = [asked('TCP', 80), asked('TCP', 99), asked('UDP', 80), asked('UDP', 99), asked('ICMP')];
      expect(await Promise.all(questions)).toEqual([true, false, true, false, true].map((answer) => [answer, answer]));
    });

    it('packet P-62: are dropped while it has no target', async () => {
      for (const dst of ADDRESSES) expect(await sent(flowsTo(dst, 'TCP', 1), { waitMs: 300 })).toEqual(['no answer']);
    });

    it('packet P-55, P-56, P-58, P-59, P-64, P-65, P-95: reach the target that the model chooses, in by any edge, and the answer comes from the balancer', async () => {
      for (const nic of all()) serve(nic);
      // A policy names the balancer, and nobody beside it (P-95).
      const prefixes = [`${V4}/32`, `${V6}/128`];
      const rows = world.table(policiesTable(RED));
      rows.set('member/lb', { kind: 'LoadBalancer', uid: 'lb', name: 'web', prefixes, targets: [], groups: ['through'], ...behind() });
      rows.set('policy/only', {
        ...{ policy: 'only', namespace: 'default', name: 'only', target: 'only', isolates: ['ingress'], egress: [] },
        ...{ ingress: [{ peers: [{ group: 'through' }], ports: 'any' }], ...behind() },
      });
      for (const nic of all()) world.select(nic, { targets: ['only'] });
      await world.settle();
      const seen = new Set<string>();
      for (const edge of internet.edges) {
        await internet.enterAt(edge);
        for (const dst of ADDRESSES)
          for (const protocol of ['TCP', 'UDP'] as const) {
            const flows = flowsTo(dst, protocol, 6);
            for (const [i, answer] of (await sent(flows)).entries()) {
              const flow = flows[i]!;
              expect([flow, nameOf(answer), peerOf(answer)]).toEqual([flow, chosen(flow), flow.src]);
              seen.add(nameOf(answer));
            }
          }
      }
      expect([...seen].sort()).toEqual(['fourth', 'one', 'third', 'two']);
    });

    it('packet P-61, P-63: are dropped where the port or the protocol is not served, ranges whole', async () => {
      for (const dst of ADDRESSES) {
        const unserved = (dstPort: number, protocol: Call['protocol'] = 'TCP'): Call => ({ protocol, dst, dstPort, waitMs: 300 });
        // Nobody listens at 90: that the target refuses shows that it was asked.
        const answers = await callFrom(internet.netns, [
          unserved(79),
          { protocol: 'TCP', dst, dstPort: 90 },
          unserved(91),
          unserved(90, 'UDP'),
        ]);
        expect(answers).toEqual(['no answer', 'ECONNREFUSED', 'no answer', 'no answer']);
      }
    });

    it('packet P-53, P-54: are answered by the balancer itself when they are pings', async () => {
      for (const ip of ADDRESSES) expect(await lab.ping(internet.netns, ip, { count: 2 })).toMatchObject({ received: 2 });
    });

    it('packet P-57: bring errors back from the balancer, and take them to the target; fragments come whole', async () => {
      for (const dst of ADDRESSES) {
        expect(await callFrom(internet.netns, [{ protocol: 'UDP', dst, dstPort: 81 }])).toEqual(['ECONNREFUSED']);
        // The first one in IPv6 learns what the way takes.
        const answers = await sent(flowsTo(dst, 'UDP', 5), { size: 4_000 });
        for (const answer of answers.slice(dst === V6 ? 1 : 0)) expect(answer).toMatch(/ 4000$/);
      }
      // Behind the internet is a link that takes less than targets send, and says so.
      const client = await lab.namespace('client');
      await must(
        internet.netns,
        ['ip', '-batch', '-'],
        `link add small type veth peer name wide netns ${client}\nlink set small mtu 1300 up\naddr add 198.51.100.129/25 dev small\naddr add 2001:db8:52::1/64 dev small nodad`,
      );
      await must(internet.netns, ['sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1']);
      await must(
        client,
        ['ip', '-batch', '-'],
        'link set wide mtu 1500 up\naddr add 198.51.100.130/25 dev wide\naddr add 2001:db8:52::2/64 dev wide nodad\nroute add 0.0.0.0/0 via 198.51.100.129\nroute add ::/0 via 2001:db8:52::1',
      );
      for (const edge of internet.edges) {
        await internet.enterAt(edge);
        for (const dst of ADDRESSES) {
          const large = Array.from({ length: 4 }, (): Call => ({ protocol: 'TCP', dst, dstPort: 80, large: true, waitMs: 10_000 }));
          for (const answer of await callFrom(client, large)) expect(all().map(({ name }) => name)).toContain(nameOf(answer));
        }
      }
    });

    it('reach it from inside its own network by the router of the client', async () => {
      for (const dst of ADDRESSES) {
        const [answer] = await callFrom(inside.netns, [{ protocol: 'TCP', dst, dstPort: 80 }]);
        expect(peerOf(answer!)).toBe(inside.ips.find((ip) => ip.includes(':') === dst.includes(':')));
      }
    });

    it('packet P-60: come from another network too, with its VirtualIP or an address of its gateway for their source', async () => {
      const blue = world.add('blue', lab.hosts[1]!, BLUE, 1);
      const sources = [VIPS, NAT];
      for (const ips of sources) {
        for (const vip of VIPS) world.virtualIp(vip, ips === VIPS ? blue : undefined);
        for (const nat of NAT) world.slot(nat, 1_024, 64, ips === NAT ? blue : undefined);
        await world.apply();
        for (const dst of ADDRESSES) {
          const source = ips.find((ip) => ip.includes(':') === dst.includes(':'));
          // The first one may be lost while neighbours and bridges find each other.
          await until(`${dst} to answer`, async () => (await lab.ping(blue.netns, dst)).received === 1);
          const call = { dst, dstPort: 80, srcPort: 31_000 } as const;
          const udp = { ...call, protocol: 'UDP' } as const;
          const answers = await callFrom(blue.netns, [{ ...call, protocol: 'TCP' }, udp, udp]);
          expect(answers.map(peerOf)).toEqual([source, source, source]);
          expect(nameOf(answers[1]!)).toBe(nameOf(answers[2]!));
        }
      }
      world.table('nat').clear();
      world.remove(blue);
      await world.settle();
    });

    it('packet P-29, P-30: come from a slot of the address of which its targets have slots too, and go back to it', async () => {
      for (const nat of NAT) for (const [at, nic] of [inside, ...all()].entries()) world.slot(nat, 1_024 + at * 64, 64, nic);
      await world.apply();
      for (const edge of internet.edges) {
        await internet.enterAt(edge);
        for (const [at, dst] of ADDRESSES.entries()) {
          const calls = Array.from({ length: 2 }, (): Call => ({ protocol: 'TCP', dst, dstPort: 80 }));
          // From inside a balancer is reached directly; what the internet asks is answered by the balancer, though who answers has a slot.
          for (const answer of await callFrom(inside.netns, calls)) expect(peerOf(answer)).toBe(inside.ips[at]);
          for (const [i, answer] of (await sent(flowsTo(dst, 'TCP', 4))).entries())
            expect([i, peerOf(answer)]).toEqual([i, internet.ips[at]]);
          // The targets' own questions leave with their slots meanwhile.
          for (const nic of [one, third])
            expect(peerOf((await callFrom(nic.netns, [{ protocol: 'TCP', dst: internet.ips[at]!, dstPort: 80 }]))[0]!)).toBe(NAT[at]);
        }
      }
      world.table('nat').clear();
      await world.apply();
    });

    it('packet P-71, P-75, provider C-46: of flows that run stay with their target, also by another edge, when they were forgotten, and when targets come, fail and go; new ones follow the table', async () => {
      const ask = (holders: readonly Inside[]) =>
        Promise.all(
          holders.map(async (holder) => {
            holder.write('x');
            return nameOf(String((await holder.answer('answered'))['text']));
          }),
        );
      await internet.enterAt(internet.edges[0]!);
      const holders = await Promise.all(Array.from({ length: 12 }, (_, i) => holdFrom(internet.netns, ADDRESSES[i % 2]!)));
      const before = await ask(holders);
      expect(new Set(before).size).toBeGreaterThan(2);
      await internet.enterAt(internet.edges[1]!); // It knows none of these flows, and has the same table.
      expect(await ask(holders)).toEqual(before);
      // As after a time without packets.
      for (const { index } of lab.hosts) await must(routerNamespace(index, PUBLIC), ['nft', 'flush', 'map', 'inet', 'public', 'lb_flows']);
      for (const { index } of lab.hosts) await must(routerNamespace(index, RED), ['conntrack', '-F']);
      expect(await ask(holders)).toEqual(before);
      leave(two);
      serve(third, true);
      serve(inside);
      await world.apply();
      expect(await ask(holders)).toEqual(before);
      for (const dst of ADDRESSES) {
        const names = (await sent(flowsTo(dst, 'TCP', 8))).map(nameOf);
        expect(names.filter((name) => !['one', 'fourth', 'inside'].includes(name))).toEqual([]);
      }
      for (const holder of holders) await holder.end();
    });

    it('are nothing to anybody once it has gone, and public sides keep no state of connections', async () => {
      for (const { index } of lab.hosts) {
        const tracked = await must(routerNamespace(index, PUBLIC), ['conntrack', '-L']).catch(() => '');
        expect(tracked).toBe('');
      }
      for (const table of [`balancers.${RED}`, 'balancers.1', `targets.${RED}`, 'targets.1'] as const) world.table(table).clear();
      await world.apply();
      expect((await lab.ping(internet.netns, V4, { waitMs: 200 })).received).toBe(0);
    });
  });
