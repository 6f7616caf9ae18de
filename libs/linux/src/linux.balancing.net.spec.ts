/** Packets to addresses of balancers, on one host, across hosts and from peered networks, as `compile` and the driver make it of rows (linux-dataplane 4.8). */
import { type Backends, type BalancerRow, backendsOf, type Flow, policiesTable, type TargetRow, targetOf } from '@weft/fabric';
import { type Call, callFrom, holdFrom, type Inside, type LabNic, LabWorld, must, Netlab, serveIn, whyNoNetlab } from '@weft/testing';
import { routerNamespace } from './objects/names.ts';

const unfit = whyNoNetlab();
const RED = 300;
/** Beyond 16 bits, and so in two groups of a next hop. */
const BLUE = 70_000;
const [VIP4, VIP6] = ['10.0.0.80', 'fd10::80'];
const VIPS = [VIP4, VIP6];

if (unfit !== undefined) it.skip(`Packets to balancers (${unfit})`, () => {});
else
  describe('Packets to an address of a balancer', () => {
    let lab: Netlab;
    let world: LabWorld;
    let client: LabNic;
    let far: LabNic;
    let here: LabNic;
    let there: LabNic;
    let blueHere: LabNic;
    let blueThere: LabNic;
    let position = 1_000;
    let nextPort = 20_000;
    const behind = () => ({ position: String(position++), because: [] });
    const targets = () => [...world.table(`targets.${RED}`).values()] as TargetRow[];
    const serve = (nic: LabNic) =>
      world
        .table(`targets.${RED}`)
        .set(`lb/${nic.port.nic}`, { balancer: 'lb', target: nic.port.nic, name: nic.name, ips: [...nic.ips], ...behind() });
    const leave = (nic: LabNic) => world.table(`targets.${RED}`).delete(`lb/${nic.port.nic}`);
    const balance = (ports: BalancerRow['ports'], more: Partial<BalancerRow> = {}) => {
      const row: BalancerRow = {
        balancer: 'lb',
        namespace: 'default',
        name: 'web',
        vni: RED,
        number: 7,
        scheme: 'Internal',
        ips: VIPS,
        ports,
        ...more,
        ...behind(),
      };
      world.table(`balancers.${RED}`).set('lb', row);
    };
    const calls = ({ netns }: LabNic, list: readonly Call[]): Promise<readonly string[]> => callFrom(netns, list);
    /** Who answers each of some flows with ports of their own. */
    const answers = async (
      from: LabNic,
      protocol: 'TCP' | 'UDP',
      dst: string,
      count: number,
    ): Promise<readonly (readonly [Flow, string])[]> => {
      const ports = Array.from({ length: count }, () => nextPort++);
      const results = await calls(
        from,
        ports.map((srcPort) => ({ protocol, srcPort, dst, dstPort: 80 })),
      );
      const src = from.ips.find((ip) => ip.includes(':') === dst.includes(':'))!;
      return ports.map((srcPort, i) => [{ protocol, src, srcPort, dst, dstPort: 80 }, results[i]!] as const);
    };
    const served = (dst: string): Backends => backendsOf(targets(), dst.includes(':') ? 'IPv6' : 'IPv4')!;
    const chosen = (flow: Flow): string => targets().find(({ target }) => target === targetOf(served(flow.dst).table, flow))!.name;
    const nameOf = (answer: string): string => answer.split(' ')[0]!;
    const peerOf = (answer: string): string => answer.split(' ')[1]!;

    beforeAll(async () => {
      lab = await Netlab.create({ hosts: 3 });
      world = new LabWorld(lab);
      const [h1, h2, h3] = lab.hosts as [LabNic['host'], LabNic['host'], LabNic['host']];
      client = world.add('client', h1, RED, 1);
      far = world.add('far', h3, RED, 2);
      here = world.add('here', h1, RED, 11);
      there = world.add('there', h2, RED, 12);
      const blue = (name: string, host: LabNic['host'], last: number) =>
        world.change(world.add(name, host, BLUE, last), { ips: [`10.1.0.${last}`, `fd11::${last}`] });
      blueHere = blue('blue-here', h1, 1);
      blueThere = blue('blue-there', h2, 2);
      balance([
        { protocol: 'TCP', first: 80, last: 90 },
        { protocol: 'UDP', first: 80, last: 81 },
      ]);
      await world.settle();
      await Promise.all([here, there].map(({ netns, name }) => serveIn(netns, name)));
    });
    afterAll(async () => {
      await world?.close();
      await lab?.close();
    });

    it('packet P-62: are dropped while it has no target', async () => {
      for (const dst of VIPS) expect(await calls(client, [{ protocol: 'TCP', dst, dstPort: 80, waitMs: 300 }])).toEqual(['no answer']);
      expect(await lab.counted(routerNamespace(client.host.index, RED), 'dp', 'lb_rest')).toBeGreaterThanOrEqual(2);
    });

    it('packet P-55, P-56, P-58, P-59, P-64, P-65, provider C-49: reach the target that the model chooses, here and there, the same from each host, and the answer comes from the balancer', async () => {
      for (const nic of [here, there]) serve(nic);
      await world.settle();
      const seen = new Set<string>();
      for (const from of [client, far]) {
        for (const dst of VIPS) {
          for (const protocol of ['TCP', 'UDP'] as const) {
            for (const [flow, answer] of await answers(from, protocol, dst, 8)) {
              expect([flow, nameOf(answer), peerOf(answer)]).toEqual([flow, chosen(flow), flow.src]);
              seen.add(nameOf(answer));
            }
          }
        }
      }
      expect([...seen].sort()).toEqual(['here', 'there']);
    });

    it('packet P-95, provider R-28.9: are admitted, here and there, by a policy that names the balancer, which does not admit their sender', async () => {
      const rows = world.table(policiesTable(RED));
      for (const nic of [here, there]) {
        serve(nic);
        world.select(nic, { targets: ['only'] });
      }
      const prefixes = [`${VIP4}/32`, `${VIP6}/128`];
      rows.set('member/lb', { kind: 'LoadBalancer', uid: 'lb', name: 'web', prefixes, targets: [], groups: ['through'], ...behind() });
      rows.set('policy/only', {
        ...{ policy: 'only', namespace: 'default', name: 'only', target: 'only', isolates: ['ingress'], egress: [] },
        ...{ ingress: [{ peers: [{ group: 'through' }], ports: 'any' }], ...behind() },
      });
      await world.settle();
      try {
        for (const dst of VIPS) {
          const found = await answers(client, 'TCP', dst, 12);
          expect(found.map(([, answer]) => nameOf(answer))).toEqual(found.map(([flow]) => chosen(flow)));
          expect(new Set(found.map(([flow]) => chosen(flow))).size).toBe(2);
        }
        const direct = [here, there].flatMap(({ ips }) => ips.map((dst): Call => ({ protocol: 'TCP', dst, dstPort: 80, waitMs: 300 })));
        expect(await calls(client, direct)).toEqual(direct.map(() => 'no answer'));
      } finally {
        for (const key of ['member/lb', 'policy/only']) rows.delete(key);
        for (const nic of [here, there]) world.select(nic);
        await world.settle();
      }
    });

    it('packet P-61, P-63: are dropped where the port or the protocol is not served, ranges whole', async () => {
      for (const dst of VIPS) {
        const unserved = (dstPort: number, protocol: Call['protocol'] = 'TCP'): Call => ({ protocol, dst, dstPort, waitMs: 300 });
        // Nobody listens at 90: that the target refuses shows that it was asked.
        const asked = [unserved(79), { protocol: 'TCP', dst, dstPort: 90 }, unserved(91), unserved(90, 'UDP')] as const;
        expect(await calls(client, asked)).toEqual(['no answer', 'ECONNREFUSED', 'no answer', 'no answer']);
      }
    });

    it('packet P-53, P-54: are answered by the balancer itself when they are pings', async () => {
      for (const from of [client, far]) {
        for (const ip of VIPS) expect(await lab.ping(from.netns, ip, { count: 2 })).toMatchObject({ received: 2 });
      }
    });

    it('packet P-57: that a target refuses bring the error back, from the balancer, and larger ones come whole', async () => {
      for (const dst of VIPS) {
        expect(await calls(client, [{ protocol: 'UDP', dst, dstPort: 81 }])).toEqual(['ECONNREFUSED']);
        const [large] = await calls(far, [{ protocol: 'UDP', dst, dstPort: 80, size: 4_000 }]);
        expect(large).toMatch(/ 4000$/);
      }
    });

    it('come to their own sender where that is the target, from the balancer’s address', async () => {
      for (const dst of VIPS) {
        for (const protocol of ['TCP', 'UDP'] as const) {
          const found = await answers(here, protocol, dst, 12);
          for (const [flow, answer] of found) expect([flow, nameOf(answer)]).toEqual([flow, chosen(flow)]);
          const own = found.filter(([, answer]) => nameOf(answer) === 'here');
          expect(own.length).toBeGreaterThan(0);
          for (const [, answer] of own) expect(peerOf(answer)).toBe(dst);
        }
      }
    });

    it('packet P-71: of flows that run stay with their target when it serves no more, and new ones do not reach it; when its interface goes, the next packet finds another', async () => {
      const holders = await Promise.all(Array.from({ length: 8 }, (_, i) => holdFrom((i < 4 ? client : far).netns, VIPS[i % 2]!)));
      const ask = async (holder: Inside): Promise<string> => {
        holder.write('x');
        return nameOf(String((await holder.answer('answered'))['text']));
      };
      const before = await Promise.all(holders.map(ask));
      expect([...new Set(before)].sort()).toEqual(['here', 'there']);
      leave(there);
      await world.settle();
      expect(await Promise.all(holders.map(ask))).toEqual(before);
      for (const [, answer] of await answers(client, 'TCP', VIP4, 6)) expect(nameOf(answer)).toBe('here');
      serve(there);
      await world.settle();
      expect(await Promise.all(holders.map(ask))).toEqual(before);
      for (const holder of holders) await holder.end();
      // The same flow, before and after the interface of its target has gone.
      const flows = (await answers(client, 'UDP', VIP4, 10)).filter(([, answer]) => nameOf(answer) === 'there').map(([flow]) => flow);
      expect(flows.length).toBeGreaterThan(0);
      leave(there);
      world.remove(there);
      await world.settle();
      const again = await calls(
        client,
        flows.map(({ protocol, srcPort, dst, dstPort }) => ({ protocol: protocol as 'UDP', srcPort, dst, dstPort })),
      );
      expect(new Set(again.map(nameOf))).toEqual(new Set(['here']));
    });

    it('reach it from a peered network, by a wire and by the tunnel, as far as it is exposed there', async () => {
      const reached = async (more: Pick<Call, 'waitMs'> = {}) =>
        (
          await Promise.all(
            [blueHere, blueThere].map((from) =>
              calls(
                from,
                VIPS.map((dst) => ({ protocol: 'TCP', dst, dstPort: 80, ...more }) as const),
              ),
            ),
          )
        )
          .flat()
          .map(nameOf);
      expect(new Set(await reached({ waitMs: 700 }))).not.toContain('here');
      world.peer(RED, BLUE);
      await world.settle();
      expect(new Set(await reached())).toEqual(new Set(['here']));
      // The targets are exposed, and the balancer is not.
      world.peer(RED, BLUE, { one: ['10.0.0.0/28', 'fd10::/122'] });
      await world.settle();
      expect(new Set(await reached({ waitMs: 700 }))).not.toContain('here');
      world.part(RED, BLUE);
      await world.settle();
    });

    it('provider C-49: are nothing to any router once it has gone, in both families', async () => {
      world.table(`balancers.${RED}`).clear();
      world.table(`targets.${RED}`).clear();
      await world.settle();
      for (const map of ['lb_target4', 'lb_target6', 'lb_service4', 'lb_service6']) {
        const listed = await must(routerNamespace(client.host.index, RED), ['nft', 'list', 'map', 'inet', 'dp', map]);
        expect(listed).not.toContain('elements');
      }
      expect((await lab.ping(client.netns, VIP4, { waitMs: 200 })).received).toBe(0);
    });
  });
