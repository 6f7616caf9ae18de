/** What every driver does with entries, whatever feature they are of. The harness opens drivers with `entriesFeature`. */
import { type Driver, type DriverFault, type KernelObject, keyOf } from '@weft/fabric';
import fc from 'fast-check';
import { canonical, type DriverHarness } from './driver.contract.ts';

const RED = 300;
const BLUE = 70_000;

export function describeEntriesContract(name: string, harness: Omit<DriverHarness, 'damage' | 'nic'>): void {
  describe(`${name} keeps the contract of entries`, () => {
    const { identity } = harness;
    const open: Driver[] = [];
    let driver: Driver;
    beforeEach(async () => {
      driver = await harness.open();
      open.push(driver);
    });
    afterEach(async () => {
      for (const each of open.splice(0)) await each.close();
      await harness.close();
    });

    const underlay = identity.underlay.includes(':') ? 'fd00:77::8' : '10.77.0.8';
    const router = (of = RED): KernelObject => ({ kind: 'router', vni: of, position: '10' });
    const entry = (section: string, key: string, value = '', of = RED): KernelObject => ({
      kind: 'entry',
      scope: `r${of}`,
      section,
      key,
      value,
      position: '7',
      owner: 'Test/a',
    });
    const routers = [router(), router(BLUE)];
    const elements = (): KernelObject[] => [
      entry('test_set', 'g1 . 02:00:00:00:00:0a . 10.0.0.1'),
      entry('test_map', 'fd10::1', '4294967295'),
      entry('test_map', 'fd10::2', '7'),
      entry('test_map', 'fd10::1', '8', BLUE),
      entry('test_block', '5 . 10.0.0.0/8 . tcp . 80-90'),
      entry('test_block', '5 . 10.0.0.0/8 . udp . 0-65535'),
      entry('test_block', '6 . 10.0.0.7 . 0-255 . 53'),
      entry('test_block', '6 . 10.0.0.8 . tcp . 53'),
      entry('test_block', '6 . 11.0.0.0-11.0.0.5 . sctp . 1024-2047'),
      entry('test_class', '0:5 . fd10::/64 . ipv6-icmp . 0-65535'),
      entry('test_class', 'f:ffff . ::/0 . tcp . 443'),
      entry('test_way', '10.0.0.1 . 80', 'goto test_drop'),
      entry('test_way', '10.0.0.1 . 81', 'drop'),
      entry('test_target', '1 . 8190', '10.0.0.9'),
      entry('test_slice', '10.0.0.1', '203.0.113.1 . 1024-1087'),
      entry('test_slice', '10.0.0.2', '203.0.113.1 . 5'),
      entry('test_ports', '1024-1087'),
      entry('test_ports', '5'),
      entry('test_way', '10.0.0.1 . 82', 'goto test_ports_5'),
    ];
    const ways = (): KernelObject[] => [
      entry('wires', String(BLUE)),
      entry('wires', String(RED), '', BLUE),
      entry('neighbours', `q${BLUE} fe80::1:1170:1`, '06:01:11:70:00:01'),
      entry('neighbours', 'vx fe80::1f4:8', '06:00:01:f4:00:08'),
      entry('tunnels', '06:00:01:f4:00:08', `${underlay} 500`),
      entry('routes', '10.30.0.2', 'fe80::1f4:8 vx'),
      entry('routes', 'fd30::/64', `fe80::1:1170:1 q${BLUE}`),
      entry('routes', '10.40.0.0/16', `fe80::1:1170:1 q${BLUE}`),
    ];
    const everything = (): KernelObject[] => [...ways().reverse(), ...elements(), ...routers];
    const applied = async (put: readonly KernelObject[], remove: readonly KernelObject[] = []): Promise<readonly DriverFault[]> =>
      (await driver.apply({ put, remove })).failed;
    const restarted = async (): Promise<Driver> => {
      const next = await harness.reopen();
      open.push(next);
      return next;
    };
    const holds = async (wanted: readonly KernelObject[], by = driver) => {
      const { objects, partial } = await by.read();
      const expected = canonical(new Map(wanted.map((object) => [keyOf(object), object])));
      expect({ objects: canonical(objects), partial: Object.fromEntries(partial) }).toEqual({ objects: expected, partial: {} });
    };
    const named = (faults: readonly DriverFault[]) => faults.map(({ key, what }) => [key, what]).sort();

    it('reads what it applied, given in any order, also after a restart', async () => {
      expect(await applied(everything())).toEqual([]);
      await holds(everything());
      await holds(everything(), await restarted());
    });

    it('writes nothing for what is there, whatever position and owner it has now', async () => {
      await applied(everything());
      const next = await restarted();
      const writes = await harness.watch(async () => {
        const others = everything().map((object) => (object.kind === 'entry' ? { ...object, position: '99', owner: 'Test/b' } : object));
        expect(await applied(others)).toEqual([]);
        expect((await next.apply({ put: others, remove: [] })).failed).toEqual([]);
      });
      expect(writes).toEqual([]);
    });

    it('removes one that is no range from a section of ranges', async () => {
      const single = entry('test_block', '6 . 10.0.0.8 . tcp . 53');
      await applied(everything());
      expect(await applied([], [single])).toEqual([]);
      await holds(everything().filter((object) => keyOf(object) !== keyOf(single)));
    });

    it('changes values in place, and removes what is not wanted in the same change', async () => {
      await applied(everything());
      const changed = [
        entry('test_map', 'fd10::1', '9'),
        entry('test_way', '10.0.0.1 . 80', 'accept'),
        entry('test_block', '5 . 10.0.0.0/9 . tcp . 80-90'),
        entry('test_slice', '10.0.0.2', '203.0.113.1 . 6-7'),
        entry('tunnels', '06:00:01:f4:00:08', `${underlay.replace(/8$/, '9')} 500`),
        entry('routes', '10.40.0.0/16', 'fe80::1f4:8 vx'),
      ];
      const gone = [
        entry('test_block', '5 . 10.0.0.0/8 . tcp . 80-90'),
        entry('test_map', 'fd10::2', '7'),
        entry('routes', '10.30.0.2', 'x'),
        entry('test_ports', '1024-1087'),
      ];
      expect(await applied(changed, gone)).toEqual([]);
      const wanted = new Map(everything().map((object) => [keyOf(object), object]));
      for (const object of gone) wanted.delete(keyOf(object));
      for (const object of changed) wanted.set(keyOf(object), object);
      await holds([...wanted.values()], await restarted());
    });

    it('removes entries, and all of them with their router', async () => {
      await applied(everything());
      expect(await applied([], [...elements(), ...ways()])).toEqual([]);
      await holds(routers, await restarted());
      expect(await applied(everything())).toEqual([]);
      expect(await applied([], everything())).toEqual([]);
      await holds([], await restarted());
    });

    it('refuses what no section takes, and touches nothing for it', async () => {
      await applied(routers);
      const wrong: KernelObject[] = [
        entry('test_nothing', 'x'),
        { ...entry('test_map', 'fd10::1', '1'), scope: 'somewhere' } as KernelObject,
        entry('test_map', '10.0.0.1', '1'),
        entry('test_map', 'fd10:0::1', '1'),
        entry('test_map', 'fd10::9', ''),
        entry('test_map', 'fd10::8', '4294967296'),
        entry('test_map', 'fd10::/64', '1'),
        entry('test_set', 'g1 . 10.0.0.1'),
        entry('test_set', 'g1 . 02:00:00:00:00:0a . 10.0.0.1', '5'),
        entry('test_block', '5 . 10.0.0.1/8 . tcp . 80'),
        entry('test_block', '5 . 10.0.0.0/8 . 6 . 80'),
        entry('test_block', '5 . 10.0.0.0/8 . tcp . 90-80'),
        entry('test_way', '10.0.0.1 . 80', 'drop; flush ruleset'),
        entry('wires', '300'),
        entry('here_routes', '10.0.0.1', 'fe80::1f4:8 vx'),
        entry('test_public', '1', '2'),
        entry('wires', '70000', 'x'),
        entry('neighbours', 'eth0 fe80::1', '06:00:00:00:00:01'),
        entry('tunnels', '06:00:01:f4:00:08', `${identity.underlay} 500`),
        entry('routes', '10.0.0.1/24', 'fe80::1f4:8 vx'),
        entry('routes', '10.0.0.1/32', 'fe80::1f4:8 vx'),
        entry('routes', '10.0.0.2', 'fe80::1f4:8 vx; x'),
      ];
      const writes = await harness.watch(async () =>
        expect(named(await applied(wrong))).toEqual(wrong.map((each) => [keyOf(each), 'invalid']).sort()),
      );
      expect(writes).toEqual([]);
      await holds(routers);
    });

    it('refuses what refers to something that is not there, and does the rest', async () => {
      const route = entry('routes', '10.30.0.2', 'fe80::1f4:8 vx');
      const neighbour = entry('neighbours', `q${BLUE} fe80::1:1170:1`, '06:01:11:70:00:01');
      const [wire, elsewhere] = [entry('wires', '999'), entry('test_map', 'fd10::1', '1', 999)];
      expect(named(await applied([...routers, ...elements(), route, neighbour, wire, elsewhere]))).toEqual(
        [route, neighbour, wire, elsewhere].map((each) => [keyOf(each), 'missing-reference']).sort(),
      );
      await holds([...routers, ...elements()], await restarted());
    });

    it('changes the elements of a router all or not at all: one that overlaps stops the others there, and nothing else', async () => {
      await applied(everything());
      const overlaps = entry('test_block', '5 . 10.1.0.0/16 . tcp . 85');
      const fine = entry('test_map', 'fd10::77', '1');
      const gone = entry('test_map', 'fd10::2', '7');
      const [route, beside] = [entry('routes', '10.30.0.3', 'fe80::1f4:8 vx'), entry('test_map', 'fd10::2', '1', BLUE)];
      expect(named(await applied([overlaps, fine, route, beside], [gone]))).toEqual(
        [overlaps, fine, gone].map((each) => [keyOf(each), 'kernel']).sort(),
      );
      await holds([...everything(), route, beside]);
      await holds([...everything(), route, beside], await restarted());
    });

    it('comes from any state to any other as if it had started there', async () => {
      const state = fc.record({
        blue: fc.boolean(),
        // One may lead to a chain that another one is.
        elements: fc.subarray(
          elements().filter((each) => each.kind === 'entry' && each.scope === 'r300' && !each.value.includes('test_ports')),
        ),
        ways: fc.boolean(),
        map: fc.dictionary(fc.constantFrom('fd10::4', 'fd10::5', 'fd10::6'), fc.integer({ min: 0, max: 3 }).map(String)),
        block: fc.constantFrom('7 . 10.0.0.0/8 . tcp . 1', '7 . 10.0.0.0/9 . tcp . 1', '7 . 10.0.0.0/8 . tcp . 1-9'),
      });
      type State = typeof state extends fc.Arbitrary<infer S> ? S : never;
      const objectsOf = (of: State): ReadonlyMap<string, KernelObject> => {
        const objects = [
          router(),
          ...(of.blue ? [router(BLUE)] : []),
          ...of.elements,
          ...(of.blue && of.ways ? ways() : []),
          ...Object.entries(of.map).map(([key, value]) => entry('test_map', key, value)),
          entry('test_block', of.block),
        ];
        return new Map(objects.map((object) => [keyOf(object), object]));
      };
      await fc.assert(
        fc.asyncProperty(fc.array(state, { minLength: 1, maxLength: 4 }), async (history) => {
          let before: ReadonlyMap<string, KernelObject> = new Map((await driver.read()).objects);
          for (const next of history.map(objectsOf)) {
            const remove = [...before.values()].filter((object) => !next.has(keyOf(object)));
            expect(await applied([...next.values()], remove)).toEqual([]);
            before = next;
          }
          await holds([...before.values()]);
        }),
        { numRuns: harness.runs, endOnFailure: true },
      );
    }, 120_000);
  });
}
