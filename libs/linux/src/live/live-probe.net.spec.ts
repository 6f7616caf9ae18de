/** Marked packets through real kernels: where they come by, that guests do not get them unasked, and that nothing is left. */
import type { Header, OpenProbe, ProbeSeen } from '@weft/fabric';
import { type LabNic, LabWorld, must, Netlab, whyNoNetlab } from '@weft/testing';
import { until } from '@weft/testing/waiting';
import { portDevice, routerNamespace } from '../objects/names.ts';

const unfit = whyNoNetlab();
const RED = 320;

if (unfit === undefined) {
  describe('A live probe', () => {
    let lab: Netlab;
    let world: LabWorld;
    let [vm1, vm2, vm3]: LabNic[] = [];
    let ids = 7_000_000;

    beforeAll(async () => {
      lab = await Netlab.create({ hosts: 2 });
      world = new LabWorld(lab);
      const [h1, h2] = lab.hosts as [LabNic['host'], LabNic['host']];
      vm1 = world.add('vm1', h1, RED, 1);
      vm2 = world.add('vm2', h1, RED, 2);
      vm3 = world.add('vm3', h2, RED, 3);
      await world.settle();
    });
    afterAll(async () => {
      await world?.close();
      await lab?.close();
    });

    const tables = async () => Promise.all(lab.hosts.map(({ index }) => must(routerNamespace(index, RED), ['nft', 'list', 'tables'])));
    /** Opens one on both hosts, sends it from the first interface, looks until it is seen as wanted, and ends it. */
    const probed = async (
      protocol: Header['protocol'],
      to: LabNic,
      isSeen: (seen: ProbeSeen) => boolean,
      { family = 0, delivers = false } = {},
    ): Promise<ProbeSeen> => {
      const id = ++ids;
      const probes: OpenProbe[] = [];
      try {
        for (const host of lab.hosts) {
          const driver = world.drivers.get(host);
          probes.push((await driver?.openProbe?.({ id, vnis: [RED, 999], protocol, delivers })) as OpenProbe);
        }
        const header = { protocol, src: vm1?.ips[family] as string, dst: to.ips[family] as string };
        const ports = protocol === 'ICMP' ? {} : { srcPort: 50_000 + (id % 1_000), dstPort: 80 };
        await probes[0]?.send({ nic: vm1?.port.nic as string, header: { ...header, ...ports }, hopLimit: 64 });
        const look = async (): Promise<ProbeSeen> => {
          const all = await Promise.all(probes.map((probe) => probe.look()));
          return { hops: all.flatMap(({ hops }) => hops), stopped: all.flatMap(({ stopped }) => stopped) };
        };
        return await until(`the ${protocol} probe is seen as wanted`, async () => {
          const seen = await look();
          return isSeen(seen) && seen;
        });
      } finally {
        for (const probe of probes) await probe.end();
      }
    };
    const places = ({ hops }: ProbeSeen) => hops.map(({ device, leaves }) => `${leaves ? 'out' : 'in'} ${device}`);

    it('is seen in each router on its way, and kept back before the guest', async () => {
      for (const protocol of ['TCP', 'UDP', 'SCTP', 'ICMP'] as const) {
        for (const family of [0, 1]) {
          const seen = await probed(protocol, vm3 as LabNic, ({ hops, stopped }) => stopped.length > 0 && hops.length >= 3, { family });
          expect(places(seen)).toEqual([`in ${portDevice(vm1?.port.nic as string)}`, 'out vx', 'in vx']);
          expect(seen.stopped).toEqual([{ vni: RED, device: portDevice(vm3?.port.nic as string) }]);
        }
      }
      const onHost = await probed('UDP', vm2 as LabNic, ({ hops, stopped }) => stopped.length > 0 && hops.length > 0);
      expect([places(onHost), onHost.stopped]).toEqual([
        [`in ${portDevice(vm1?.port.nic as string)}`],
        [{ vni: RED, device: portDevice(vm2?.port.nic as string) }],
      ]);
      // The router answers itself: its reply is no probe that came out.
      let looks = 0;
      const answered = await probed('ICMP', { ips: ['169.254.0.1'] } as unknown as LabNic, ({ hops }) => hops.length > 0 && ++looks > 2);
      expect([places(answered), answered.stopped]).toEqual([[`in ${portDevice(vm1?.port.nic as string)}`], []]);
      expect((await tables()).join('')).not.toMatch(/weft_live/);
    });

    it('goes to the guest when that is asked for', async () => {
      const out = `out ${portDevice(vm3?.port.nic as string)}`;
      const seen = await probed('UDP', vm3 as LabNic, (each) => places(each).includes(out), { delivers: true });
      expect([places(seen).at(-1), seen.stopped]).toEqual([out, []]);
    });

    it('is not seen behind a kernel that drops it, whatever rows say', async () => {
      const router = routerNamespace((vm3 as LabNic).host.index, RED);
      await must(router, ['nft', 'insert', 'rule', 'inet', 'dp', 'forward', 'iifname', 'vx', 'drop']);
      const seen = await probed('TCP', vm3 as LabNic, (each) => places(each).includes('in vx'));
      expect(seen.stopped).toEqual([]);
      await world.settle();
    });

    it('leaves a table behind when its agent is killed, which the next look takes for a stray, and spares while it is used', async () => {
      const [host] = lab.hosts as [LabNic['host']];
      const driver = world.drivers.get(host);
      const probe = await driver?.openProbe?.({ id: ++ids, vnis: [RED], protocol: 'TCP', delivers: false });
      expect([...((await driver?.read())?.partial.keys() ?? [])]).toEqual([]);
      const other = world.driverOn(host);
      expect([...(await other.read()).partial.keys()]).toEqual([`router/${RED}`]);
      await other.close();
      await probe?.end();
      await world.settle();
    });
  });
} else it.skip(`A live probe (${unfit})`, () => {});
