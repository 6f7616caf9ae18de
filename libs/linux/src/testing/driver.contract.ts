/**
 * What every driver keeps to. The simulated one runs it as a contract test, the Linux one with real namespaces as a packet test; both get a fresh
 * host for each test.
 */
import {
  type Driver,
  type DriverFault,
  type HostIdentity,
  type KernelObject,
  type KernelState,
  keyOf,
  sameKernelObject,
} from '@weft/fabric';
import fc from 'fast-check';

export type DriverHarness = Readonly<{
  identity: HostIdentity;
  /** A driver on a host that holds nothing. */
  open(): Promise<Driver>;
  /** One more driver on the host of the last `open`, as after a restart of the agent. */
  reopen(): Promise<Driver>;
  /** Ends the host of the last `open`. Rejects when something of ours is left on it that the driver said it removed. */
  close(): Promise<void>;
  /** Writes that reached the kernel while `action` ran, one text each. */
  watch(action: () => Promise<void>): Promise<readonly string[]>;
  /** Damages an object by hand: afterwards it must not count as whole. False: this kind cannot be damaged here. */
  damage(object: KernelObject): Promise<boolean>;
  /** Names a NIC that no other test has. */
  nic(): string;
  /** Histories tried. */
  runs: number;
}>;

const peerUnderlay = (identity: HostIdentity, n: number): string => (identity.underlay.includes(':') ? `fd00:77::${n}` : `10.77.0.${n}`);

export function describeDriverContract(name: string, harness: DriverHarness): void {
  describe(`${name} keeps the driver contract`, () => {
    const { identity } = harness;
    const open: Driver[] = [];
    let driver: Driver;
    let nics: string[];
    beforeEach(async () => {
      driver = await harness.open();
      open.push(driver);
      nics = [harness.nic(), harness.nic(), harness.nic()];
    });
    afterEach(async () => {
      for (const each of open.splice(0)) await each.close();
      await harness.close();
    });

    const vni = 300;
    const guard = (n: number, position = '5'): KernelObject => ({ kind: 'guard', underlay: peerUnderlay(identity, n), position });
    const router = (of = vni, position = '10'): KernelObject => ({ kind: 'router', vni: of, position });
    const peer = (hostIndex = 7, n = hostIndex, of = vni): KernelObject => ({
      kind: 'peer',
      vni: of,
      hostIndex,
      underlay: peerUnderlay(identity, n),
      position: '11',
    });
    const route = (address: string, hostIndex = 7, of = vni): KernelObject => ({
      kind: 'route',
      vni: of,
      address,
      hostIndex,
      position: '12',
    });
    const port = (n: number, more: Partial<Extract<KernelObject, { kind: 'port' }>> = {}): KernelObject => ({
      kind: 'port',
      vni,
      nic: nics[n]!,
      mac: `02:00:00:00:0a:0${n + 1}`,
      ips: [`10.0.0.${n + 1}`, `fd10::${n + 1}`],
      ...(n === 0 && { prefixes: ['10.9.0.0/24', 'fd19::/64'] }),
      netns: `weftguest-${nics[n]!.replaceAll('-', '').slice(0, 12)}`,
      position: '13',
      up: true,
      ...more,
    });
    const everything = (): KernelObject[] => [
      port(0),
      route('10.0.0.70'),
      route('10.8.0.0/16'),
      route('fd10::70'),
      peer(),
      guard(7),
      router(),
      router(70_000),
      port(1, { up: false }),
    ];
    const applied = async (put: readonly KernelObject[], remove: readonly KernelObject[] = []): Promise<readonly DriverFault[]> =>
      (await driver.apply({ put, remove })).failed;
    const readBy = async (by: Driver) => {
      const { objects, partial } = await by.read();
      return { objects: canonical(objects), partial: Object.fromEntries(partial) };
    };
    const holds = async (wanted: readonly KernelObject[], by = driver) =>
      expect(await readBy(by)).toEqual({ objects: canonical(new Map(wanted.map((object) => [keyOf(object), object]))), partial: {} });
    const restarted = async (): Promise<Driver> => {
      const next = await harness.reopen();
      open.push(next);
      return next;
    };

    it('starts with nothing and writes nothing for that', async () => {
      expect(await harness.watch(async () => holds([]))).toEqual([]);
    });

    it('reads what it applied, given in any order, also after a restart', async () => {
      expect(await applied(everything())).toEqual([]);
      await holds(everything());
      await holds(everything(), await restarted());
    });

    it('takes calls that overlap, those of one network in their order', async () => {
      const first = applied([guard(7), router(), peer(), route('10.0.0.70')]);
      const calls = [
        applied([router(70_000), peer(7, 7, 70_000)]),
        applied([route('10.0.0.71')], [route('10.0.0.70')]),
        applied([guard(8)]),
        applied([port(0, { vni: 70_000, up: false })]),
        applied([port(0), route('10.0.0.72', 7, 70_000)]),
        applied([], [guard(8), route('10.0.0.71')]),
      ];
      expect((await Promise.all([first, ...calls])).flat()).toEqual([]);
      const wanted = [guard(7), router(), peer(), router(70_000), peer(7, 7, 70_000), port(0), route('10.0.0.72', 7, 70_000)];
      await holds(wanted);
      await holds(wanted, await restarted());
      const all = [...wanted].reverse();
      expect((await Promise.all(all.map((object) => applied([], [object])))).flat().map(({ what }) => what)).toEqual([]);
      await holds([]);
    });

    it('writes nothing for what is already as wanted, also after a restart', async () => {
      await applied(everything());
      const next = await restarted();
      const writes = await harness.watch(async () => {
        expect(await applied(everything())).toEqual([]);
        await next.read();
        expect((await next.apply({ put: everything(), remove: [] })).failed).toEqual([]);
      });
      expect(writes).toEqual([]);
    });

    it('takes a position alone for a change where the kernel can carry it', async () => {
      await applied(everything());
      const later = everything().map((object) => ({ ...object, position: '99' }));
      expect(await applied(later)).toEqual([]);
      await holds(later, await restarted());
    });

    it('changes objects in place', async () => {
      await applied([...everything(), peer(8)]);
      const changed = [
        peer(7, 9),
        route('10.0.0.70', 8),
        port(0, { mac: 'fe:00:00:c8:0b:01', ips: ['10.0.0.1', '10.0.0.9', 'fd10::9'], prefixes: ['10.9.0.0/25'], position: '20' }),
        port(1, { up: true, position: '21' }),
      ];
      expect(await applied(changed)).toEqual([]);
      const wanted = new Map([...everything(), peer(8), ...changed].map((object) => [keyOf(object), object]));
      await holds([...wanted.values()], await restarted());
    });

    it('takes a link down again, and up', async () => {
      await applied(everything());
      for (const up of [false, true]) {
        const changed = port(0, { up, position: up ? '22' : '21' });
        expect(await applied([changed])).toEqual([]);
        await holds([...everything().slice(1), changed], await restarted());
      }
    });

    it('moves an address from here to another host and back', async () => {
      await applied(everything());
      const away = [port(0, { ips: ['fd10::1'] }), route('10.0.0.1')];
      expect(await applied(away)).toEqual([]);
      await holds([...everything().slice(1), ...away], await restarted());
      expect(await applied([port(0)], [route('10.0.0.1')])).toEqual([]);
      await holds(everything(), await restarted());
    });

    it('moves an address from one port to another', async () => {
      await applied([router(), port(0), port(1)]);
      const swapped = [port(0, { ips: ['10.0.0.2', 'fd10::2'] }), port(1, { ips: ['10.0.0.1', 'fd10::1'] })];
      expect(await applied(swapped)).toEqual([]);
      await holds([router(), ...swapped], await restarted());
    });

    it('moves a port to another network', async () => {
      await applied([router(), router(301), port(0)]);
      expect(await applied([port(0, { vni: 301 })])).toEqual([]);
      await holds([router(), router(301), port(0, { vni: 301 })], await restarted());
    });

    it('gives a guest to another NIC when the first one goes in the same change', async () => {
      const { netns } = port(0) as Extract<KernelObject, { kind: 'port' }>;
      await applied([router(), port(0)]);
      expect(await applied([port(1, { netns })], [port(0)])).toEqual([]);
      await holds([router(), port(1, { netns })], await restarted());
    });

    it('refuses a second NIC in one guest, and leaves the first alone', async () => {
      const { netns } = port(0) as Extract<KernelObject, { kind: 'port' }>;
      await applied([router(), port(0)]);
      expect(await applied([port(1, { netns })])).toEqual([expect.objectContaining({ key: keyOf(port(1)), what: 'not-ours' })]);
      await holds([router(), port(0)], await restarted());
    });

    it('removes everything, in any order, without residue', async () => {
      await applied(everything());
      expect(await applied([], everything())).toEqual([]);
      await holds([], await restarted());
    });

    it('removes one after the other', async () => {
      await applied(everything());
      let left = everything();
      for (const object of [
        port(1),
        route('fd10::70'),
        route('10.8.0.0/16'),
        router(70_000),
        route('10.0.0.70'),
        peer(),
        port(0),
        guard(7),
        router(),
      ]) {
        expect(await applied([], [object])).toEqual([]);
        left = left.filter((each) => keyOf(each) !== keyOf(object));
        await holds(left);
      }
      await holds([], await restarted());
    });

    it('takes a removal of what is not there for done, and a put for more than a removal', async () => {
      await applied([router()]);
      expect(await applied([router(vni, '11')], [router(), port(0), guard(7), route('10.9.9.9'), router(999)])).toEqual([]);
      await holds([router(vni, '11')]);
    });

    it('refuses what refers to something that is not there, and does the rest', async () => {
      const failed = await applied([router(), route('10.0.0.70'), port(0), port(1, { vni: 301 }), peer(7, 7, 301)]);
      expect(failed.map(({ key, what }) => [key, what]).sort()).toEqual(
        [
          [keyOf(route('10.0.0.70')), 'missing-reference'],
          [keyOf(port(1)), 'missing-reference'],
          [keyOf(peer(7, 7, 301)), 'missing-reference'],
        ].sort(),
      );
      await holds([router(), port(0)], await restarted());
    });

    it('refuses to remove what others need, and removes the rest', async () => {
      await applied(everything());
      const failed = await applied([], [router(), peer(), port(0)]);
      expect(failed.map(({ key, what }) => [key, what]).sort()).toEqual(
        [
          [keyOf(router()), 'still-referenced'],
          [keyOf(peer()), 'still-referenced'],
        ].sort(),
      );
      await holds(everything().slice(1), await restarted());
    });

    it('refuses nonsense by name and touches nothing for it', async () => {
      await applied([router(), peer()]);
      const nonsense: KernelObject[] = [
        router(2 ** 24),
        route('10.0.0.1/24'),
        route('169.254.0.1'),
        route('fe80::5'),
        route('10.0.0.5', identity.index),
        port(0, { mac: '02:00:00:00:00:01' }),
        port(0, { nic: '00000000-0000-4000-8000-00000000000a', mac: '06:00:00:00:0a:01' }),
        port(0, { nic: '00000000-0000-4000-8000-00000000000b', mac: '03:00:00:00:0a:01' }),
        port(1, { netns: 'weft-1-r300' }),
        port(2, { ips: ['10.0.0.1; flush ruleset'] }),
        { kind: 'guard', underlay: 'somewhere', position: '1' },
        { ...peer(9), underlay: identity.underlay } as KernelObject,
      ];
      const writes = await harness.watch(async () => {
        const failed = await applied(nonsense);
        expect(failed.map(({ key, what }) => [key, what]).sort()).toEqual(nonsense.map((each) => [keyOf(each), 'invalid']).sort());
      });
      expect(writes).toEqual([]);
      await holds([router(), peer()]);
    });

    it('reports what is damaged as partial, and repairs it by a put', async () => {
      await applied(everything());
      for (const object of everything()) {
        if (!(await harness.damage(object))) continue;
        const { objects, partial } = await readBy(driver);
        expect([keyOf(object), keyOf(object) in objects, Object.keys(partial).length > 0]).toEqual([
          keyOf(object),
          false,
          object.kind !== 'route',
        ]);
        const broken = everything().filter((each) => !(keyOf(each) in objects));
        expect(await applied(broken)).toEqual([]);
        await holds(everything(), await restarted());
      }
    });

    it('removes what is damaged', async () => {
      await applied(everything());
      for (const object of everything()) await harness.damage(object);
      await driver.read();
      expect(await applied([], everything())).toEqual([]);
      await holds([], await restarted());
    });

    it('comes from any state to any other as if it had started there', async () => {
      const numbers = fc.integer({ min: 0, max: 2 });
      const state = fc.record({
        guards: fc.uniqueArray(numbers),
        routers: fc.uniqueArray(fc.integer({ min: 300, max: 301 })),
        peers: fc.uniqueArray(fc.tuple(fc.integer({ min: 300, max: 301 }), numbers), { selector: String }),
        routes: fc.uniqueArray(fc.tuple(fc.integer({ min: 300, max: 301 }), fc.integer({ min: 40, max: 44 }), numbers), {
          selector: ([of, address]) => `${of}/${address}`,
        }),
        ports: fc.uniqueArray(
          fc.record({ n: numbers, of: fc.integer({ min: 300, max: 301 }), ip: fc.integer({ min: 50, max: 54 }), up: fc.boolean() }),
          {
            selector: ({ n }) => n,
          },
        ),
        position: fc.integer({ min: 1, max: 3 }),
      });
      type State = typeof state extends fc.Arbitrary<infer S> ? S : never;
      const objectsOf = (of: State): KernelState => {
        const objects: KernelObject[] = [
          ...of.guards.map((n) => guard(n + 20, String(of.position))),
          ...of.routers.map((each) => router(each, String(of.position))),
          ...of.peers.filter(([each]) => of.routers.includes(each)).map(([each, n]) => peer(n + 20, n + 20 + of.position, each)),
          ...of.routes
            .filter(([each, , n]) => of.routers.includes(each) && of.peers.some(([vniOf, host]) => vniOf === each && host === n))
            .map(([each, address, n]) => route(address % 2 === 0 ? `10.0.0.${address}` : `fd10::${address}`, n + 20, each)),
          ...of.ports
            .filter((each) => of.routers.includes(each.of))
            .map(({ n, of: each, ip, up }) =>
              port(n, { vni: each, ips: [`10.0.0.${ip + 10 * n}`, `fd10::${ip + 10 * n}`], up, position: String(of.position) }),
            ),
        ];
        return new Map(objects.map((object) => [keyOf(object), object]));
      };
      await fc.assert(
        fc.asyncProperty(fc.array(state, { minLength: 1, maxLength: 4 }), async (history) => {
          let before: KernelState = new Map((await driver.read()).objects);
          for (const next of history.map(objectsOf)) {
            const put = [...next.values()].filter((object) => !sameKernelObject(object, before.get(keyOf(object))));
            const remove = [...before.values()].filter((object) => !next.has(keyOf(object)));
            expect(await applied(put, remove)).toEqual([]);
            before = next;
          }
          await holds([...before.values()]);
        }),
        { numRuns: harness.runs, endOnFailure: true },
      );
      await holds([...(await driver.read()).objects.values()], await restarted());
    }, 180_000);
  });
}

/** By key, with what a comparison of kernel objects leaves out left out. */
export function canonical(objects: KernelState): Record<string, unknown> {
  return Object.fromEntries(
    [...objects]
      .map(([key, object]) => {
        const position = object.kind === 'peer' || object.kind === 'route' || object.kind === 'entry' ? '' : object.position;
        if (object.kind === 'entry') return [key, { ...object, position, owner: '' }] as const;
        if (object.kind !== 'port') return [key, { ...object, position }] as const;
        const { prefixes, ...port } = object;
        return [
          key,
          { ...port, position, ips: [...port.ips].sort(), ...(prefixes && port.up && { prefixes: [...prefixes].sort() }) },
        ] as const;
      })
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}
