/** Packets between interfaces and the internet, as `compile` and the driver make it of rows (linux-dataplane 4.2, 4.3, provider 4.6). */
import type { Header, OpenProbe, ProbeSeen } from '@weft/fabric';
import {
  type Call,
  callFrom,
  holdFrom,
  Internet,
  KernelWatch,
  type LabNic,
  LabWorld,
  must,
  Netlab,
  RawGuest,
  serveIn,
  until,
  whyNoNetlab,
} from '@weft/testing';
import { portDevice, routerNamespace } from './objects/names.ts';

const unfit = whyNoNetlab();
const RED = 300;
/** Beyond 16 bits, and so in two groups of a next hop. */
const BLUE = 70_000;
const GREEN = 302;
const VIPS = ['203.0.113.7', '2001:db8:100::7'];
const BLUE_VIPS = ['203.0.113.8', '2001:db8:100::8'];
const PROTOCOLS = ['TCP', 'UDP'] as const;

if (unfit !== undefined) it.skip(`Packets from and to the internet (${unfit})`, () => {});
else
  describe('Packets from and to the internet', () => {
    let lab: Netlab;
    let internet: Internet;
    let world: LabWorld;
    let web: LabNic;
    let db: LabNic;
    let blue: LabNic;
    const sideOf = ({ index }: LabNic['host']) => routerNamespace(index, 1);
    const ofFamily = (like: string, ips: readonly string[]): string => ips.find((ip) => ip.includes(':') === like.includes(':'))!;
    /** Who answers, and whom it sees. */
    const asked = async (netns: string, dst: string, more: Partial<Call> = {}): Promise<readonly string[]> => {
      const calls = PROTOCOLS.map((protocol) => ({ protocol, dst, dstPort: 80, ...more }) as const);
      return (await callFrom(netns, calls)).map((answer) => answer.split(' ').slice(0, 2).join(' '));
    };
    const twice = (answer: string) => [answer, answer];
    beforeAll(async () => {
      lab = await Netlab.create({ hosts: 3 });
      const [h1, h2, h3] = lab.hosts as [LabNic['host'], LabNic['host'], LabNic['host']];
      internet = await Internet.create(lab, [h1, h2]);
      world = new LabWorld(lab, lab.hosts, internet);
      web = world.add('web', h3, RED, 1);
      db = world.add('db', h1, RED, 2);
      blue = world.change(world.add('blue', h3, BLUE, 1), { ips: ['10.1.0.1', 'fd11::1'] });
      for (const ip of VIPS) world.virtualIp(ip, web);
      await world.settle();
      await Promise.all([web, db].map(({ netns, name }) => serveIn(netns, name)));
      await serveIn(internet.netns, 'internet');
    });
    afterAll(async () => {
      await world?.close();
      await lab?.close();
    });

    it('packet P-50, P-51: leave with the VirtualIP for their source, and come to it at any edge, with the address of the interface', async () => {
      for (const edge of internet.edges) {
        await internet.enterAt(edge);
        for (const vip of VIPS) {
          const far = ofFamily(vip, internet.ips);
          // The first one may be lost while neighbours and bridges find each other.
          await until(`${far} to answer`, async () => (await lab.ping(web.netns, far)).received === 1);
          await until(`${vip} to answer`, async () => (await lab.ping(internet.netns, vip)).received === 1);
          expect(await asked(web.netns, far)).toEqual(twice(`internet ${vip}`));
          expect(await asked(internet.netns, vip)).toEqual(twice(`web ${far}`));
        }
      }
    });

    it('of SCTP come through in both directions, and so do large ones in fragments', async () => {
      const [outside, inside] = [await RawGuest.in(internet.netns), await RawGuest.in(web.netns)];
      for (const vip of VIPS) {
        const far = ofFamily(vip, internet.ips);
        const inbound = outside.send({ from: ofFamily(vip, internet.ips), to: vip, protocol: 'SCTP', port: 80 });
        const outbound = inside.send({ from: ofFamily(vip, web.ips), to: far, protocol: 'SCTP', port: 80 });
        await until('an SCTP packet is lost', () => {
          for (const each of [outside, inside]) each.listen();
          return inside.heard.has(inbound) && outside.heard.has(outbound);
        });
        // The tunnel takes less than the wire: the first one is told so.
        const large = { protocol: 'UDP', dst: vip, dstPort: 80, size: 4_000 } as const;
        expect((await callFrom(internet.netns, [large, large])).at(-1)).toMatch(/^web .* 4000$/);
      }
      await Promise.all([outside.end(), inside.end()]);
    });

    it('bring errors back to whom they are about: a closed port inside and outside, and a hop limit', async () => {
      for (const vip of VIPS) {
        const far = ofFamily(vip, internet.ips);
        const closed = { protocol: 'UDP', dstPort: 81 } as const;
        expect(await callFrom(internet.netns, [{ ...closed, dst: vip }])).toEqual(['ECONNREFUSED']);
        expect(await callFrom(web.netns, [{ ...closed, dst: far }])).toEqual(['ECONNREFUSED']);
        // The router, the public side here, the edge.
        for (const limit of [1, 2, 3])
          expect((await lab.ping(web.netns, far, { hopLimit: limit })).text).toMatch(/Time to live exceeded|Hop limit/);
      }
    });

    it('packet P-49: inside its network a VirtualIP leads to its holder at once; to the holder itself, from the address that was asked', async () => {
      for (const vip of VIPS) {
        expect(await asked(db.netns, vip)).toEqual(twice(`web ${ofFamily(vip, db.ips)}`));
        expect(await asked(web.netns, vip)).toEqual(twice(`web ${vip}`));
      }
    });

    it('of a live probe are seen on the public side from outside and to the outside, until a kernel drops them, and are kept back at both ends', async () => {
      const [edge, , own] = lab.hosts as [LabNic['host'], LabNic['host'], LabNic['host']];
      const guest = portDevice(web.port.nic);
      let id = 8_000_000;
      const probed = async (
        at: LabNic['host'],
        header: Header,
        seenAll: (seen: ProbeSeen) => boolean,
        nic?: string,
      ): Promise<ProbeSeen> => {
        const watch = { id: ++id, vnis: [1, RED], protocol: header.protocol, delivers: false };
        const open = async (host: LabNic['host']) =>
          [host, await world.drivers.get(host)?.openProbe?.(watch)] as [LabNic['host'], OpenProbe];
        const probes = new Map(await Promise.all(lab.hosts.map(open)));
        try {
          await probes.get(at)?.send({ header, hopLimit: 64, ...(nic !== undefined && { nic }) });
          return await until(`the ${header.protocol} probe from ${header.src} is seen as wanted`, async () => {
            const all = await Promise.all([...probes.values()].map((probe) => probe.look()));
            const seen = { hops: all.flatMap(({ hops }) => hops), stopped: all.flatMap(({ stopped }) => stopped) };
            return seenAll(seen) && seen;
          });
        } finally {
          for (const probe of probes.values()) await probe.end();
        }
      };
      const isStopped = ({ hops, stopped }: ProbeSeen) => stopped.length > 0 && hops.length >= 5;
      const placesOf = ({ hops, stopped }: ProbeSeen) => [
        ...hops.map(({ vni, device, leaves }) => `${vni} ${leaves ? 'out' : 'in'} ${device}`).sort(),
        ...stopped.map(({ vni, device }) => `${vni} kept back before ${device}`),
      ];
      for (const vip of VIPS) {
        const far = vip.includes(':') ? '2001:db8:77::9' : '198.51.100.9';
        const protocol = vip.includes(':') ? 'ICMP' : 'TCP';
        const ports = protocol === 'ICMP' ? {} : { srcPort: 50_001, dstPort: 80 };
        const inbound = await probed(edge, { protocol, src: far, dst: vip, ...ports }, isStopped);
        expect(placesOf(inbound)).toEqual([
          ...['1 in uplink', '1 in vx', `1 out q${RED}`, '1 out vx', `${RED} in q1`, `${RED} kept back before ${guest}`],
        ]);
        const outbound = await probed(own, { protocol, src: ofFamily(vip, web.ips), dst: far, ...ports }, isStopped, web.port.nic);
        expect(placesOf(outbound)).toEqual([
          ...[`1 in q${RED}`, '1 in vx', '1 out vx', `${RED} in ${guest}`, `${RED} out q1`, '1 kept back before uplink'],
        ]);
        expect(outbound.hops.find(({ vni }) => vni === 1)?.src).toBe(vip);
      }
      await must(sideOf(own), ['nft', 'insert', 'rule', 'inet', 'public', 'forward', 'udp', 'dport', '80', 'drop']);
      const header = { protocol: 'UDP', src: '198.51.100.9', srcPort: 50_002, dst: VIPS[0]!, dstPort: 80 } as const;
      const lost = await probed(edge, header, ({ hops }) => hops.length === 3);
      expect(placesOf(lost)).toEqual(['1 in uplink', '1 in vx', '1 out vx']);
      await world.settle();
      const noEdge = { header, hopLimit: 64 };
      const probe = await world.drivers.get(own)?.openProbe?.({ id: ++id, vnis: [1], protocol: 'UDP', delivers: false });
      await expect(probe?.send(noEdge)).rejects.toThrow('this host has no uplink');
      await probe?.end();
      for (const host of [edge, own]) expect(await must(sideOf(host), ['nft', 'list', 'tables'])).not.toMatch(/weft_live/);
    });

    it('have all their ways while the public side is mended: no rule and no route goes to come back', async () => {
      // One of an edge, and one of a host that sends by it.
      const sides = [sideOf(lab.hosts[0]!), sideOf(lab.hosts[2]!)];
      for (const side of sides) await must(side, ['nft', 'insert', 'rule', 'inet', 'public', 'forward', 'udp', 'dport', '81', 'drop']);
      const watch = await KernelWatch.start(sides);
      await world.settle();
      const seen = await watch.stop();
      for (const side of sides) expect(seen).toContainEqual(expect.stringMatching(`${side} nft: delete rule inet public forward`));
      expect(seen.filter((line) => /ip: .*Deleted/.test(line) && / lookup | via /.test(line))).toEqual([]);
    });

    it('packet P-38: go from one VirtualIP to another one across networks, on one host and across hosts, and see each other so', async () => {
      for (const ip of BLUE_VIPS) world.virtualIp(ip, blue);
      await world.apply();
      for (const vip of VIPS) expect(await asked(blue.netns, vip)).toEqual(twice(`web ${ofFamily(vip, BLUE_VIPS)}`));
      for (const ip of BLUE_VIPS) world.virtualIp(ip, db);
      await world.apply();
      for (const vip of BLUE_VIPS) expect(await asked(internet.netns, vip)).toEqual(twice(`db ${ofFamily(vip, internet.ips)}`));
      for (const ip of BLUE_VIPS) world.virtualIp(ip, undefined);
      await world.settle();
    });

    it('packet P-52, provider C-46: of flows to the former holder end when a VirtualIP moves, and new ones reach the new one; withdrawn, it reaches nobody', async () => {
      const [vip] = VIPS as [string];
      const holder = await holdFrom(internet.netns, vip);
      holder.write('x');
      expect(await holder.answer('answered')).toMatchObject({ text: expect.stringMatching(/^web /) });
      const before = await lab.conntracked(routerNamespace(web.host.index, RED), vip);
      expect(before).toBeGreaterThan(0);
      for (const ip of VIPS) world.virtualIp(ip, db);
      await world.apply();
      expect(await lab.conntracked(routerNamespace(web.host.index, RED), vip)).toBe(0);
      for (const ip of VIPS) {
        expect(await asked(internet.netns, ip)).toEqual(twice(`db ${ofFamily(ip, internet.ips)}`));
        expect(await asked(db.netns, ofFamily(ip, internet.ips))).toEqual(twice(`internet ${ip}`));
      }
      holder.write('x');
      // The new holder knows nothing of the connection, and says so.
      await until('the connection of the former holder goes on', () => holder.hasEnded);
      expect((await lab.ping(web.netns, internet.ips[0]!, { waitMs: 300 })).received).toBe(0);
      for (const ip of VIPS) world.virtualIp(ip, undefined);
      await world.apply();
      for (const ip of VIPS) expect((await lab.ping(internet.netns, ip, { waitMs: 200 })).received).toBe(0);
      for (const ip of VIPS) world.virtualIp(ip, web);
      await world.settle();
    });

    describe('through a NAT gateway', () => {
      const NAT = ['203.0.113.20', '2001:db8:100::20'];
      const SIZE = 4;
      let app: LabNic;
      const slotOf = (nic: LabNic): number => (nic === app ? 1_028 : 1_024);
      /** Ports of the address that the internet sees. */
      const seen = async (from: LabNic, dst: string, protocol: Call['protocol'], count: number): Promise<readonly string[]> => {
        await must(routerNamespace(from.host.index, from.port.vni), ['conntrack', '-F']);
        const answers = await callFrom(
          from.netns,
          Array.from({ length: count }, (_, i) => ({
            protocol,
            srcPort: 30_000 + i,
            dst,
            dstPort: 80,
            ...(i === SIZE && { waitMs: 300 }),
          })),
        );
        return answers.map((answer) => (answer === 'no answer' ? answer : answer.split(' ').slice(1, 3).join(' ')));
      };
      beforeAll(async () => {
        app = world.add('app', lab.hosts[2]!, RED, 3);
        for (const ip of NAT) for (const nic of [app, db]) world.slot(ip, slotOf(nic), SIZE, nic);
        for (const ip of BLUE_VIPS) world.virtualIp(ip, blue);
        await world.settle();
        await serveIn(blue.netns, 'blue');
      });

      it('packet P-31, P-32, P-35, P-39, P-40, P-47, P-48: get ports of their slot, the first and the last one too, and no more; answers come back from any edge', async () => {
        for (const edge of internet.edges) {
          await internet.enterAt(edge);
          for (const nat of NAT) {
            for (const from of [app, db]) {
              const far = ofFamily(nat, internet.ips);
              const all = Array.from({ length: SIZE }, (_, i) => `${nat} ${slotOf(from) + i}`);
              // One more than there are ports gets none.
              const found = await seen(from, far, 'UDP', edge === internet.edges[0] ? SIZE + 1 : SIZE);
              expect(found.filter((answer) => answer !== 'no answer').sort()).toEqual(all);
              // A connection that is closed leaves its port at once.
              for (const answer of await seen(from, far, 'TCP', SIZE)) expect(all).toContain(answer);
              // Pings beside each other, each with an id of its own. Of two that begin at once and choose one id, the kernel drops the first packet of one.
              const pings = await Promise.all([1, 2].map(() => lab.ping(from.netns, far, { count: 4 })));
              for (const { received } of pings) expect(received).toBeGreaterThanOrEqual(3);
            }
          }
        }
      });

      it('packet P-99: leave whole in fragments, with a port of their slot', async () => {
        for (const nat of NAT) {
          const far = ofFamily(nat, internet.ips);
          for (const from of [app, db]) {
            await must(routerNamespace(from.host.index, RED), ['conntrack', '-F']);
            // The tunnel takes less than the guest's device: the first one in IPv6 is told so.
            const large = { protocol: 'UDP', dst: far, dstPort: 80, size: 4_000 } as const;
            expect((await callFrom(from.netns, [large, large])).at(-1)).toMatch(new RegExp(`^internet ${nat} \\d+ 4000$`));
          }
        }
      });

      it('packet P-27: keep apart two networks with one address on one host', async () => {
        const twin = world.add('twin', app.host, GREEN, 3);
        const other = ['203.0.113.21', '2001:db8:100::21'];
        for (const ip of other) world.slot(ip, slotOf(app), SIZE, twin);
        await world.apply();
        expect(twin.ips).toEqual(app.ips);
        for (const nat of NAT) {
          const far = ofFamily(nat, internet.ips);
          const found = await Promise.all([app, twin].map((from) => seen(from, far, 'UDP', SIZE)));
          const ports = (ip: string) => Array.from({ length: SIZE }, (_, i) => `${ip} ${slotOf(app) + i}`);
          expect(found.map((each) => each.toSorted())).toEqual([ports(nat), ports(ofFamily(nat, other))]);
        }
        for (const ip of other) world.slot(ip, slotOf(app), SIZE, undefined);
        world.remove(twin);
        await world.apply();
      });

      it('packet P-33: keep their addresses to a range of an interface of their network, and only there', async () => {
        const ranges = ['198.51.100.128/25', '2001:db8:51:1::/64'];
        const [own4, own6] = ['198.51.100.200', '2001:db8:51:1::200'];
        await must(db.netns, ['ip', '-batch', '-'], `addr add ${own4}/32 dev lo\naddr add ${own6}/128 dev lo nodad\n`);
        db = world.change(db, { prefixes: ranges });
        await world.apply();
        for (const [nat, dst] of [
          [NAT[0]!, own4],
          [NAT[1]!, own6],
        ] as const) {
          const calls = [dst, ofFamily(nat, internet.ips)].map((to) => ({ protocol: 'TCP', dst: to, dstPort: 80 }) as const);
          const answers = (await callFrom(app.netns, calls)).map((answer) => answer.split(' ').slice(0, 2).join(' '));
          expect(answers).toEqual([`db ${ofFamily(nat, app.ips)}`, `internet ${nat}`]);
        }
        db = world.change(db, { prefixes: [] });
        await must(db.netns, ['ip', '-batch', '-'], `addr del ${own4}/32 dev lo\naddr del ${own6}/128 dev lo\n`);
        await world.apply();
      });

      it('packet P-45, P-46: find the slots of an edge and of others in whatever order it learned them, and one that moves at its new place alone', async () => {
        const nat = NAT[0]!;
        const far = ofFamily(nat, internet.ips);
        const [edge] = internet.edges as [LabNic['host']]; // db is on it, app on another host.
        await internet.enterAt(edge);
        const ports = (first: number) => Array.from({ length: SIZE }, (_, i) => `${nat} ${first + i}`);
        for (const order of [
          [db, app],
          [app, db],
        ]) {
          for (const nic of order) world.slot(nat, slotOf(nic), SIZE, undefined);
          await world.apply();
          for (const nic of order) {
            world.slot(nat, slotOf(nic), SIZE, nic);
            await world.apply();
          }
          for (const nic of order) expect((await seen(nic, far, 'UDP', SIZE)).toSorted()).toEqual(ports(slotOf(nic)));
        }
        const running = await holdFrom(app.netns, far);
        for (const _ of [1, 2]) {
          running.write('x');
          await running.answer('answered'); // Relayed to its host.
        }
        const relayed = slotOf(app);
        world.slot(nat, slotOf(db), SIZE, undefined);
        world.slot(nat, relayed, SIZE, db);
        await world.apply();
        expect(await lab.conntracked(routerNamespace(app.host.index, RED), far)).toBe(0);
        expect((await seen(db, far, 'UDP', SIZE)).toSorted()).toEqual(ports(relayed));
        await running.end();
        for (const nic of [db, app]) world.slot(nat, slotOf(nic), SIZE, nic);
        await world.apply();
      });

      it('packet P-72, P-73, P-74: of one port leave it when they end, in order, by a reset, or half open, and not before', async () => {
        const nat = NAT[0]!;
        const far = ofFamily(nat, internet.ips);
        const router = routerNamespace(app.host.index, RED);
        const states = ['syn_recv', 'time_wait', 'close'].map((state) => `net.netfilter.nf_conntrack_tcp_timeout_${state}`);
        const before = (await must(router, ['sysctl', '-n', ...states])).trim().split('\n');
        await must(router, ['sysctl', '-qw', ...states.map((state) => `${state}=1`)]);
        const [only] = [world.slot(nat, slotOf(app), SIZE, undefined), world.slot(nat, 5_000, 1, app)].map(() => `internet ${nat} 5000`);
        await world.apply();
        const free = (srcPort: number) =>
          until(`port 5000 for ${srcPort}`, async () => {
            const [answer] = await callFrom(app.netns, [{ protocol: 'TCP', srcPort, dst: far, dstPort: 80, waitMs: 300 }]);
            return answer === only;
          });
        // It asks, asks again, and never goes on; the internet answers again and again. Its kernel, which knows nothing of it, is kept from saying so.
        await must(app.netns, [
          'nft',
          'add table ip mute; add chain ip mute out { type filter hook output priority 0; }; add rule ip mute out tcp flags rst drop',
        ]);
        const scan = await RawGuest.in(app.netns);
        const syn = { from: ofFamily(nat, app.ips), to: far, protocol: 'TCP', port: 80, sourcePort: 40_000 } as const;
        for (const _ of [1, 2]) scan.send(syn);
        await until('the scan is tracked', async () => (await must(router, ['conntrack', '-L', '-p', 'tcp'])).includes('SYN_RECV'));
        await must(app.netns, ['nft', 'delete table ip mute']);
        await free(40_001);
        expect(await must(router, ['conntrack', '-L', '-p', 'tcp'])).not.toMatch(/sport=40000 /);

        const held = await holdFrom(app.netns, far);
        const [refused] = await callFrom(app.netns, [{ protocol: 'TCP', srcPort: 40_002, dst: far, dstPort: 80, waitMs: 300 }]);
        expect(refused).not.toBe(only);
        await held.end(); // In order.
        await free(40_003); // It ends by a reset.
        await free(40_004);
        await scan.end();
        await must(router, ['sysctl', '-qw', ...states.map((state, at) => `${state}=${before[at]}`)]);
        world.slot(nat, 5_000, 1, undefined);
        world.slot(nat, slotOf(app), SIZE, app);
        await world.settle();
      });

      it('packet P-34, P-36: to its address are answered when they are pings, and reach nobody else', async () => {
        for (const nat of NAT) {
          const before = await Promise.all([app, db].map(({ netns }) => lab.pinged(netns)));
          expect(await lab.ping(internet.netns, nat)).toMatchObject({ received: 1 });
          expect(await lab.ping(app.netns, nat)).toMatchObject({ received: 1 });
          expect(await lab.ping(blue.netns, nat)).toMatchObject({ received: 1 });
          expect(await Promise.all([app, db].map(({ netns }) => lab.pinged(netns)))).toEqual(before);
          const unasked = [1_024, 1_028, 80].map((dstPort) => ({ protocol: 'UDP', dst: nat, dstPort, waitMs: 200 }) as const);
          expect(await callFrom(internet.netns, unasked)).toEqual(unasked.map(() => 'no answer'));
        }
      });

      it('packet P-43: bring errors back to whom they are about', async () => {
        for (const nat of NAT) {
          const far = ofFamily(nat, internet.ips);
          for (const edge of internet.edges) {
            await internet.enterAt(edge);
            for (const from of [app, db]) {
              await must(routerNamespace(from.host.index, RED), ['conntrack', '-F']);
              expect(await callFrom(from.netns, [{ protocol: 'UDP', dst: far, dstPort: 81 }])).toEqual(['ECONNREFUSED']);
              // An edge is its own way out.
              for (const hopLimit of from === db ? [1, 2] : [1, 2, 3])
                expect((await lab.ping(from.netns, far, { hopLimit })).text).toMatch(/[Ee]xceeded|Hop limit/);
            }
          }
        }
      });

      it('packet P-38: see and reach a VirtualIP of another network with the address of their gateway; one with a VirtualIP uses that (P-37)', async () => {
        world.slot(NAT[0]!, 1_032, SIZE, web);
        await world.settle();
        for (const nat of NAT) {
          const vip = ofFamily(nat, BLUE_VIPS);
          for (const from of [app, db]) expect(await asked(from.netns, vip)).toEqual(twice(`blue ${nat}`));
          expect(await asked(web.netns, vip)).toEqual(twice(`blue ${ofFamily(nat, VIPS)}`));
        }
      });

      it('have no port of a slot before edges know it, and get an answer to the first packet then', async () => {
        const nat = NAT[0]!;
        const far = ofFamily(nat, internet.ips);
        const [own, edges] = [[app.host], internet.edges];
        world.slot(nat, slotOf(app), SIZE, undefined);
        world.slot(nat, 4_096, SIZE, app, 'pending');
        await world.apply(own);
        expect(await callFrom(app.netns, [{ protocol: 'TCP', dst: far, dstPort: 80 }])).toEqual(['ENETUNREACH']);
        await world.apply(edges);
        world.slot(nat, 4_096, SIZE, app);
        await world.apply(own);
        const ports = Array.from({ length: SIZE }, (_, i) => `${nat} ${4_096 + i}`);
        for (const answer of await seen(app, far, 'UDP', 1)) expect(ports).toContain(answer);
        world.slot(nat, 4_096, SIZE, undefined);
        world.slot(nat, slotOf(app), SIZE, app);
        await world.settle();
      });

      it('packet P-44, provider R-9, C-46: that run keep their ports while these drain, and new ones get new ports of another size; they end with their slot', async () => {
        const nat = NAT[0]!;
        const far = ofFamily(nat, internet.ips);
        const running = await holdFrom(app.netns, far);
        const ask = async () => {
          running.write('x');
          return String((await running.answer('answered'))['text']);
        };
        const before = await ask();
        world.slot(nat, slotOf(app), SIZE, app, 'draining');
        world.slot(nat, 2_048, 2 * SIZE, app);
        await world.apply();
        expect(await ask()).toBe(before);
        const [port] = (await callFrom(app.netns, [{ protocol: 'TCP', dst: far, dstPort: 80 }])).map((answer) =>
          Number(answer.split(' ')[2]),
        );
        expect(port).toBeGreaterThanOrEqual(2_048);
        const next = await holdFrom(app.netns, far);
        world.slot(nat, slotOf(app), SIZE, undefined);
        await world.apply();
        const tracked = await must(routerNamespace(app.host.index, RED), ['conntrack', '-L']);
        expect(tracked).not.toContain(`dst=${nat} sport=80 dport=${before.split(' ')[2]} `);
        next.write('x');
        await next.answer('answered');
        await Promise.all([running.end(), next.end()]);
        world.table('nat').clear();
        for (const ip of BLUE_VIPS) world.virtualIp(ip, undefined);
        await world.settle();
      });
    });

    it('packet P-70: come to the address of a former gateway, once it is the VirtualIP of who had its ports', async () => {
      const [nat, again] = ['203.0.113.20', world.add('again', web.host, RED, 5)];
      const far = ofFamily(nat, internet.ips);
      world.table('nat').clear();
      world.slot(nat, 1_024, 4, again);
      await world.apply();
      expect(await asked(again.netns, far)).toEqual(twice(`internet ${nat}`));
      world.remove(again);
      world.slot(nat, 1_024, 4, undefined);
      await world.apply();
      const anew = world.add('anew', web.host, RED, 5);
      world.virtualIp(nat, anew);
      await world.apply();
      await serveIn(anew.netns, 'anew');
      expect(await asked(internet.netns, nat)).toEqual(twice(`anew ${far}`));
      expect(await asked(anew.netns, far)).toEqual(twice(`internet ${nat}`));
      world.remove(anew);
      world.virtualIp(nat, undefined);
      await world.settle();
    });

    it('packet P-23: without anything public are told that there is no way out, and the internet does not see them', async () => {
      for (const ip of internet.ips) {
        const before = await lab.pinged(internet.netns);
        for (const { netns } of [blue, db])
          expect((await lab.ping(netns, ip, { waitMs: 300 })).text).toMatch(/[Uu]nreachable|No route|Prohibited/);
        expect(await lab.pinged(internet.netns)).toBe(before);
      }
      // An address that nobody has is not handed to and fro.
      const unused = '203.0.113.99';
      expect((await lab.ping(internet.netns, unused, { waitMs: 200 })).text).not.toMatch(/exceeded/);
    });

    it('pass again once what somebody broke on the public side is mended; it tracks no flow, and goes with what was public', async () => {
      const side = sideOf(web.host);
      expect(await must(side, ['conntrack', '-L'])).toBe('');
      await must(side, ['ip', 'rule', 'del', 'pref', '100']);
      await must(side, ['nft', 'delete', 'table', 'netdev', 'public']);
      await must(side, ['nft', 'flush', 'chain', 'inet', 'public', 'arrive']);
      await must(side, ['ip', 'link', 'del', `q${RED}`]);
      await must(sideOf(internet.edges[0]!), ['ip', 'link', 'set', 'uplink', 'down']);
      await world.settle();
      await world.settle();
      for (const vip of VIPS) expect(await asked(internet.netns, vip)).toEqual(twice(`web ${ofFamily(vip, internet.ips)}`));
      for (const ip of VIPS) world.virtualIp(ip, undefined);
      await world.settle();
      expect(lab.routers()).not.toContain(side);
      expect(lab.routers()).toContain(sideOf(internet.edges[0]!));
    });
  });
