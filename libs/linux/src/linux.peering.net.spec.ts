/** Packets between peered networks, on one host and across hosts, as `compile` and the driver make it of rows; and to ranges beside the addresses of a NIC. */
import { checkConnectivity, everyPair, type LabNic, LabWorld, must, Netlab, Probe, run, whyNoNetlab } from '@weft/testing';
import { routerNamespace } from './objects/names.ts';

const unfit = whyNoNetlab();
const RED = 300;
/** Beyond 16 bits, and so in two groups of a next hop. */
const BLUE = 70_000;
const GREEN = 250;

for (const family of unfit === undefined ? (['v6', 'v4'] as const) : []) {
  describe(`Packets between peered networks on an I${family === 'v6' ? 'Pv6' : 'Pv4'} underlay`, () => {
    let lab: Netlab;
    let world: LabWorld;
    let redA: LabNic;
    let redC: LabNic;
    let blueA: LabNic;
    let blueB: LabNic;
    let greenA: LabNic;
    const add = (name: string, host: number, vni: number, ...ips: readonly string[]): LabNic =>
      world.change(world.add(name, lab.hosts[host]!, vni, Number(ips[0]?.split('.').at(-1))), { ips });
    beforeAll(async () => {
      lab = await Netlab.create({ hosts: 3, family });
      world = new LabWorld(lab);
      redA = add('red-a', 0, RED, '10.0.0.1', 'fd10::1');
      redC = add('red-c', 2, RED, '10.0.0.3', 'fd10::3');
      blueA = add('blue-a', 0, BLUE, '10.1.0.1', 'fd11::1');
      blueB = add('blue-b', 1, BLUE, '10.1.0.2', 'fd11::2');
      greenA = add('green-a', 0, GREEN, '10.2.0.1', 'fd12::1');
      world.peer(RED, BLUE);
      await world.settle();
    });
    afterAll(async () => {
      await world?.close();
      await lab?.close();
    });
    const networks = (from: { network: unknown }, to: { network: unknown }) => [from.network, to.network].sort().join();
    /** Pings that reached `target` while `action` ran. */
    const seenBy = async (target: LabNic, action: () => Promise<unknown>): Promise<number> => {
      const before = await lab.pinged(target.netns);
      await action();
      return (await lab.pinged(target.netns)) - before;
    };
    const reaches = async (from: LabNic, to: LabNic, ip: string): Promise<boolean> => {
      const { received } = await lab.ping(from.netns, ip, { count: 2, waitMs: 500 });
      return received > 0 && (await seenBy(to, () => lab.ping(from.netns, ip, { waitMs: 500 }))) > 0;
    };

    it('reach each other in both directions, by a wire or the tunnel, and nobody of a third network (R-25, not transitive)', async () => {
      world.peer(BLUE, GREEN);
      await world.settle();
      const peered = new Set([[RED, BLUE].sort().join(), [BLUE, GREEN].sort().join()]);
      await checkConnectivity(
        lab,
        everyPair(world.nics, (from, to) => from.network === to.network || peered.has(networks(from, to))),
      );
      for (const to of [blueA, blueB]) {
        for (const address of to.ips) {
          await lab.echo(to.netns, address);
          await lab.call(redA.netns, address);
          await lab.call(redC.netns, address);
        }
      }
      world.part(BLUE, GREEN);
      await world.settle();
      expect(await reaches(blueA, greenA, '10.2.0.1')).toBe(false);
    });

    it('see only what is exposed to them as a whole, and reach only those who see them (R-25)', async () => {
      world.peer(RED, BLUE, { other: ['10.1.0.2/32', 'fd11::/127'] });
      await world.settle();
      expect(await reaches(redA, blueB, '10.1.0.2')).toBe(true);
      expect(await reaches(redC, blueA, 'fd11::1')).toBe(true);
      expect(await seenBy(blueA, () => lab.ping(redA.netns, '10.1.0.1', { count: 2, waitMs: 100 }))).toBe(0);
      expect(await seenBy(blueB, () => lab.ping(redC.netns, 'fd11::2', { count: 2, waitMs: 100 }))).toBe(0);
      // It sees red, but red does not see it: what it sends there is dropped by the reverse path.
      for (const to of [redA, redC]) {
        expect(await seenBy(to, () => lab.ping(blueA.netns, to.ips[0]!, { count: 2, waitMs: 100 }))).toBe(0);
      }
      expect(await lab.counted(routerNamespace(redA.host.index, RED), 'dp', 'from_router')).toBeGreaterThanOrEqual(2);
      world.peer(RED, BLUE);
      await world.settle();
      expect(await reaches(redA, blueA, '10.1.0.1')).toBe(true);
    });

    it('of several networks with one address reach their own first, then the lower VNI, and the next one when that goes (R-26)', async () => {
      const mine = add('red-own', 2, RED, '10.1.0.2');
      world.peer(RED, GREEN);
      await world.settle();
      expect(await reaches(redA, mine, '10.1.0.2')).toBe(true);
      expect(await reaches(redC, mine, '10.1.0.2')).toBe(true);
      world.remove(mine);
      const greenC = add('green-c', 2, GREEN, '10.1.0.2', 'fd12::3');
      await world.settle();
      expect(await reaches(redA, greenC, '10.1.0.2')).toBe(true);
      expect(await seenBy(blueB, () => lab.ping(redC.netns, '10.1.0.2', { waitMs: 200 }))).toBe(0);
      world.peer(RED, BLUE, { other: ['10.1.0.0/24', 'fd11::/16'] }); // The longer exposed range counts.
      await world.settle();
      expect(await reaches(redA, blueB, '10.1.0.2')).toBe(true);
      expect(await seenBy(greenC, () => lab.ping(redC.netns, '10.1.0.2', { waitMs: 200 }))).toBe(0);
      world.part(RED, GREEN);
      world.peer(RED, BLUE);
      world.remove(greenC);
      await world.settle();
      expect(await reaches(redC, blueB, '10.1.0.2')).toBe(true);
    });

    it('are all delivered while a third network is peered, and parted again', async () => {
      const probes = [
        await Probe.start(redA.netns, blueA.netns, '10.1.0.1'),
        await Probe.start(redC.netns, blueB.netns, 'fd11::2', { port: 9_001 }),
      ];
      for (let round = 0; round < 3; round++) {
        world.peer(RED, GREEN, { other: ['fd12::/16'] });
        await world.settle();
        world.part(RED, GREEN);
        await world.settle();
      }
      for (const probe of probes) {
        const result = await probe.stop();
        expect(result).toMatchObject({ lost: 0, doubled: 0, reordered: 0 });
        expect(result.sent).toBeGreaterThan(100);
      }
    });

    it('move with an interface from one host to another, from the wire to the tunnel and back', async () => {
      for (const [host, name] of [
        [1, 'blue-m1'],
        [0, 'blue-m2'],
        [2, 'blue-m3'],
      ] as const) {
        const nic = add(name, host, BLUE, '10.1.0.60', 'fd11::60');
        await world.settle();
        for (const ip of nic.ips)
          expect([host, ip, await reaches(redA, nic, ip), await reaches(redC, nic, ip)]).toEqual([host, ip, true, true]);
        world.remove(nic);
      }
      await world.settle();
    });

    it('leave no wire behind when the last interface of one goes, and find the new one when it comes back', async () => {
      world.remove(blueA);
      await world.settle();
      expect(await must(routerNamespace(redA.host.index, RED), ['ip', '-o', 'link'])).not.toContain(`q${BLUE}`);
      expect(await reaches(redA, blueB, '10.1.0.2')).toBe(true);
      blueA = add('blue-a2', 0, BLUE, '10.1.0.1', 'fd11::1');
      await world.settle();
      expect(await reaches(redA, blueA, 'fd11::1')).toBe(true);
    });

    it('packet P-28, provider C-46: to a range beside the addresses of an interface are delivered to it as they are, from its own host, from another, and from a peered network', async () => {
      redA = world.change(redA, { prefixes: ['10.9.0.0/24', 'fd19::/64'] });
      const local = add('red-x', 0, RED, '10.0.0.40', 'fd10::40');
      await world.settle();
      await must(redA.netns, ['ip', '-batch', '-'], 'addr add 10.9.0.7/32 dev lo\naddr add fd19::7/128 dev lo nodad\n');
      for (const from of [local, redC, blueA, blueB]) {
        for (const ip of ['10.9.0.7', 'fd19::7']) expect([from.name, ip, await reaches(from, redA, ip)]).toEqual([from.name, ip, true]);
      }
      world.remove(local);
      await world.settle();
    });

    it('packet P-97: from such a range are let through, and from another one not', async () => {
      await must(
        redA.netns,
        ['ip', '-batch', '-'],
        'addr add 10.8.0.7/32 dev lo\naddr add fd18::7/128 dev lo nodad\naddr add 10.0.0.3/32 dev lo\n',
      );
      const sent = (source: string, to: LabNic, ip: string) =>
        seenBy(to, () => run(redA.netns, ['ping', '-n', '-c', '2', '-i', '0.05', '-W', '0.2', '-I', source, ip]));
      expect(await sent('10.9.0.7', redC, '10.0.0.3')).toBe(0); // Its own address now, on this guest.
      await must(redA.netns, ['ip', 'addr', 'del', '10.0.0.3/32', 'dev', 'lo']);
      expect(await sent('10.9.0.7', redC, '10.0.0.3')).toBe(2);
      expect(await sent('fd19::7', redC, 'fd10::3')).toBe(2);
      expect(await sent('10.9.0.7', blueB, '10.1.0.2')).toBe(2);
      for (const [source, ip] of [
        ['10.8.0.7', '10.0.0.3'],
        ['fd18::7', 'fd10::3'],
      ] as const)
        expect(await sent(source, redC, ip)).toBe(0);
      redA = world.change(redA, { prefixes: [] });
      await world.settle();
      expect(await sent('10.9.0.7', redC, '10.0.0.3')).toBe(0);
    });
  });
}

if (unfit !== undefined) it.skip(`Packets between peered networks (${unfit})`, () => {});
