import { type Driver, type DriverFault, type GuardObject, type KernelObject, keyOf, type RouteObject } from '@weft/fabric';
import { VirtualClock } from '@weft/testing/virtual-clock';
import { type Drift, KernelSync, type KernelTiming } from './kernel-sync.ts';

const route = (n: number, hostIndex = 2): RouteObject => ({ kind: 'route', vni: 200, address: `10.0.0.${n}`, hostIndex, position: '1' });
const guard = (underlay: string): GuardObject => ({ kind: 'guard', underlay, position: '1' });
const timing: KernelTiming = { resyncMs: 30_000, retryMs: 200, retryMsMax: 30_000, stopMsMax: 5_000 };
const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** A kernel that answers when told, and refuses what it is told to refuse. */
class HandDriver implements Driver {
  readonly name = 'simulated';
  readonly kernel = new Map<string, KernelObject>();
  readonly partial = new Map<string, string>();
  readonly refused = new Set<string>();
  /** Each by what it needs. */
  readonly needs = new Map<string, string>();
  readonly batches: { put: string[]; remove: string[] }[] = [];
  reads = 0;
  brokenRead = false;
  hold: Promise<void> = Promise.resolve();
  readHold: Promise<void> = Promise.resolve();

  async read() {
    this.reads++;
    if (this.brokenRead) throw new Error('no netlink');
    const objects = new Map(this.kernel);
    await this.readHold;
    return { objects, partial: new Map(this.partial) };
  }
  async apply({ put, remove }: { put: readonly KernelObject[]; remove: readonly KernelObject[] }) {
    this.batches.push({ put: put.map(keyOf), remove: remove.map(keyOf) });
    await this.hold;
    const failed: DriverFault[] = [];
    for (const object of [...put, ...remove]) {
      const key = keyOf(object);
      const needed = this.needs.get(key);
      if (needed !== undefined && !this.kernel.has(needed)) failed.push({ key, what: 'missing-reference', detail: needed, lacks: needed });
      else if (this.refused.has(key)) failed.push({ key, what: 'kernel', detail: 'by the test' });
      else if (put.includes(object)) this.kernel.set(key, object);
      else this.kernel.delete(key);
    }
    return { failed };
  }
  async counts() {
    return new Map();
  }
  async probe() {
    return true;
  }
  async close() {}
}

function given(inKernel: readonly KernelObject[] = [], waitsFor?: (key: string) => string | undefined) {
  const driver = new HandDriver();
  for (const object of inKernel) driver.kernel.set(keyOf(object), object);
  const clock = new VirtualClock({ turns: 20 });
  const desired = new Map<string, KernelObject>();
  const drifts: Drift[] = [];
  const sync = new KernelSync({
    ...{ driver, desired, clock, random: () => 0, log: quiet, timing, ...(waitsFor && { waitsFor }) },
    onDrift: (found) => drifts.push(...found),
  });
  const want = (...objects: KernelObject[]): void => {
    for (const object of objects) desired.set(keyOf(object), object);
    sync.note({ put: objects, remove: [] });
  };
  const unwant = (...objects: KernelObject[]): void => {
    for (const object of objects) desired.delete(keyOf(object));
    sync.note({ put: [], remove: objects });
  };
  return { driver, clock, sync, want, unwant, drifts };
}

function gate(): { open: () => void; passed: Promise<void> } {
  let open = (): void => {};
  const passed = new Promise<void>((resolve) => (open = resolve));
  return { open, passed };
}

describe('kernel sync', () => {
  it('writes nothing that the kernel holds already', async () => {
    const { driver, sync, want, clock } = given([route(1), guard('fd00::2')]);
    await sync.start();
    want(route(1), guard('fd00::2'));
    sync.allowRemovals();
    await clock.advance(0);
    expect(driver.batches).toEqual([]);
    expect(sync.isAnswered()).toBe(true);
  });

  it('writes what waits for something with all that came meanwhile, and does not answer for it before', async () => {
    let amid: string | undefined = 'the rest of the rows';
    const { driver, sync, want, unwant, clock } = given([], (key) => (key.startsWith('route/') ? amid : undefined));
    await sync.start();
    sync.allowRemovals();
    want(route(1));
    want(guard('fd00::2'));
    await clock.advance(0);
    expect(driver.batches).toEqual([{ put: ['guard/fd00::2'], remove: [] }]);
    expect(sync.isAnswered()).toBe(false);
    want(route(2));
    unwant(route(1));
    await clock.advance(60_000);
    expect(driver.batches.length).toBe(1);
    amid = undefined;
    want(route(3));
    await clock.advance(0);
    expect(driver.batches.slice(1)).toEqual([{ put: ['route/200/10.0.0.3', 'route/200/10.0.0.2'], remove: [] }]);
    expect(sync.isAnswered()).toBe(true);
  });

  it('writes what is missing or different, and removes only once that is allowed', async () => {
    const { driver, sync, want, clock } = given([route(1, 7), route(2), route(3)]);
    await sync.start();
    want(route(1), route(2), route(4));
    await clock.advance(0);
    expect(driver.batches).toEqual([{ put: ['route/200/10.0.0.1', 'route/200/10.0.0.4'], remove: [] }]);
    sync.allowRemovals();
    await clock.advance(0);
    expect(driver.batches.slice(1)).toEqual([{ put: [], remove: ['route/200/10.0.0.3'] }]);
  });

  it('repairs a network whose router it finds unfinished only with all that belongs to it, and others at once', async () => {
    const router = (vni: number): KernelObject => ({ kind: 'router', vni, position: '1' });
    const port: KernelObject = { kind: 'port', vni: 300, nic: 'n', mac: '', ips: [], netns: '', position: '1', up: true };
    const { driver, sync, want, clock } = given();
    driver.partial.set('router/200', 'its nft table differs');
    await sync.start();
    want(router(200), route(1), router(300), port);
    await clock.advance(0);
    expect(driver.batches).toEqual([{ put: ['router/300', 'port/n'], remove: [] }]);
    expect(sync.isAnswered()).toBe(true);
    want(route(2));
    sync.allowRemovals();
    await clock.advance(0);
    expect(driver.batches.slice(1)).toEqual([
      { put: expect.arrayContaining(['router/200', 'route/200/10.0.0.1', 'route/200/10.0.0.2']), remove: [] },
    ]);
  });

  it('puts no route to a peer over one of the network itself, of which the row may come yet', async () => {
    const toPeer = (n: number): KernelObject => ({
      ...{ kind: 'entry', scope: 'r200', section: 'routes', key: `10.0.0.${n}`, value: 'fe80::c9:3 vx', position: '1', owner: '' },
    });
    const { driver, sync, want, unwant, clock } = given([route(1), route(2)]);
    await sync.start();
    want(toPeer(1), toPeer(2), toPeer(3));
    await clock.advance(0);
    expect(driver.batches).toEqual([{ put: ['entry/r200/routes/10.0.0.3'], remove: [] }]);
    unwant(toPeer(1));
    want(route(1));
    await clock.advance(0);
    sync.allowRemovals();
    await clock.advance(0);
    expect(driver.batches.slice(1)).toEqual([{ put: ['entry/r200/routes/10.0.0.2'], remove: ['route/200/10.0.0.2'] }]);
    expect(sync.isAnswered()).toBe(true);
  });

  it('keeps a removal that comes too early, and forgets it when the object is wanted again', async () => {
    const { driver, sync, want, unwant, clock } = given([route(1), route(2)]);
    await sync.start();
    want(route(1), route(2));
    unwant(route(1), route(2));
    await clock.advance(0);
    want(route(2));
    await clock.advance(0);
    expect(driver.batches).toEqual([]);
    sync.allowRemovals();
    await clock.advance(0);
    expect(driver.batches).toEqual([{ put: [], remove: ['route/200/10.0.0.1'] }]);
  });

  it('answers for a change of rows that changes no object, also when it comes while an apply runs', async () => {
    const { driver, sync, want, clock } = given();
    await sync.start();
    sync.allowRemovals();
    const { open, passed } = gate();
    driver.hold = passed;
    want(route(1));
    await clock.advance(0);
    want();
    open();
    await clock.advance(0);
    expect(sync.isAnswered()).toBe(true);
  });

  it('answers for nothing before the removals that were held back are done', async () => {
    const { driver, sync, want, clock } = given([route(3)]);
    await sync.start();
    want(guard('fd00::2'));
    await clock.advance(0);
    expect(sync.isAnswered()).toBe(true);
    const { open, passed } = gate();
    driver.hold = passed;
    want(route(1));
    await clock.advance(0);
    sync.allowRemovals(); // While a write without them is under way.
    const first = driver.hold;
    driver.hold = new Promise((resolve) => void first.then(() => clock.after(1_000, resolve)));
    open();
    await clock.advance(0);
    expect(driver.batches.at(-1)?.remove).toEqual(['route/200/10.0.0.3']);
    expect(sync.isAnswered()).toBe(false);
    await clock.advance(1_000);
    expect(sync.isAnswered()).toBe(true);
  });

  it('collects changes while an apply runs, and applies them at once after it', async () => {
    const { driver, sync, want, unwant, clock } = given();
    await sync.start();
    sync.allowRemovals();
    const { open, passed } = gate();
    driver.hold = passed;
    want(route(1));
    await clock.advance(0);
    want(route(2));
    want(route(3));
    unwant(route(2));
    await clock.advance(0);
    expect(driver.batches).toHaveLength(1);
    expect(sync.isAnswered()).toBe(false);
    open();
    await clock.advance(0);
    expect(driver.batches.slice(1)).toEqual([{ put: ['route/200/10.0.0.3'], remove: [] }]);
    expect(sync.isAnswered()).toBe(true);
  });

  it('goes on after a failure, and repeats what failed with growing pauses', async () => {
    const { driver, clock, sync, want, drifts } = given();
    await sync.start();
    driver.refused.add('route/200/10.0.0.1');
    want(route(1), route(2));
    await clock.advance(0);
    expect([...driver.kernel.keys()]).toEqual(['route/200/10.0.0.2']);
    expect(sync.failures.get('route/200/10.0.0.1')).toMatchObject({ what: 'kernel', attempts: 1 });
    expect(sync.holds('route/200/10.0.0.1')).toBe(false);
    const before = driver.batches.length;
    await clock.advance(10_000);
    // 0.2, 0.4, 0.8, … s: five or six in ten seconds, and never a storm.
    expect(driver.batches.length - before).toBeGreaterThanOrEqual(4);
    expect(driver.batches.length - before).toBeLessThanOrEqual(7);
    driver.refused.clear();
    await clock.advance(30_000);
    expect([sync.failures.size, drifts]).toEqual([0, []]);
    expect(sync.holds('route/200/10.0.0.1')).toBe(true);
    expect(driver.batches.slice(before).every(({ put }) => put.join() === 'route/200/10.0.0.1')).toBe(true);
  });

  it('repeats what lacked another as soon as that is there, and tells of it only when nothing else failed', async () => {
    const { driver, clock, sync, want } = given();
    await sync.start();
    driver.refused.add('guard/fd00::2');
    for (const n of [1, 2]) driver.needs.set(`route/200/10.0.0.${n}`, 'guard/fd00::2');
    driver.needs.set('route/200/10.0.0.3', 'guard/fd00::3');
    want(route(1), route(2), route(3), guard('fd00::2'));
    await clock.advance(60_000);
    expect([sync.failures.size, [...sync.failuresToTell].map(({ key }) => key)]).toEqual([4, ['guard/fd00::2']]);
    const before = driver.batches.length;
    driver.refused.clear();
    want({ ...guard('fd00::2'), position: '2' });
    await clock.advance(0);
    expect(driver.batches.slice(before).map(({ put }) => put)).toEqual([['guard/fd00::2'], ['route/200/10.0.0.1', 'route/200/10.0.0.2']]);
    expect([...sync.failuresToTell].map(({ key }) => key)).toEqual(['route/200/10.0.0.3']);
    // Others can bring it, too.
    driver.kernel.set('guard/fd00::3', guard('fd00::3'));
    sync.resync();
    await clock.advance(0);
    expect([...sync.failures.keys()]).toEqual([]);
  });

  it('tells failures in the order in which they came, however often each is tried again', async () => {
    const { driver, clock, sync, want } = given();
    await sync.start();
    for (const n of [1, 2]) driver.refused.add(`route/200/10.0.0.${n}`);
    want(route(1));
    await clock.advance(300);
    want(route(2));
    await clock.advance(0);
    const before = driver.batches.length;
    const told = new Set<string>();
    for (let i = 0; i < 100; i++) {
      await clock.advance(100);
      told.add([...sync.failuresToTell].map(({ key }) => key).join());
    }
    expect([...told]).toEqual(['route/200/10.0.0.1,route/200/10.0.0.2']);
    expect(driver.batches.length - before).toBeGreaterThan(6);
  });

  it('repeats a failed removal until it goes through', async () => {
    const { driver, clock, sync } = given([route(1)]);
    driver.refused.add('route/200/10.0.0.1');
    await sync.start();
    sync.allowRemovals();
    await clock.advance(1_000);
    expect(driver.kernel.size).toBe(1);
    driver.refused.clear();
    await clock.advance(30_000);
    expect(driver.kernel.size).toBe(0);
    expect(sync.failures.size).toBe(0);
  });

  it('counts a thrown apply as a failure of all of it', async () => {
    const { driver, clock, sync, want } = given();
    await sync.start();
    const apply = driver.apply.bind(driver);
    driver.apply = () => Promise.reject(new Error('nft is gone'));
    want(route(1), route(2));
    await clock.advance(0);
    expect([...sync.failures.values()].map(({ detail }) => detail)).toEqual(['nft is gone', 'nft is gone']);
    driver.apply = apply;
    await clock.advance(1_000);
    expect(sync.failures.size).toBe(0);
    expect(driver.kernel.size).toBe(2);
  });

  it('repairs within a resync what others deleted, changed and added', async () => {
    const { driver, clock, sync, want, drifts } = given();
    await sync.start();
    sync.allowRemovals();
    want(route(1), route(2), route(3));
    await clock.advance(0);
    driver.kernel.delete('route/200/10.0.0.1');
    driver.kernel.set('route/200/10.0.0.2', route(2, 9));
    driver.kernel.set('route/200/10.0.0.8', route(8));
    await clock.advance(29_000);
    expect(driver.batches).toHaveLength(1);
    await clock.advance(2_000);
    expect(driver.batches.slice(1)).toEqual([{ put: ['route/200/10.0.0.1', 'route/200/10.0.0.2'], remove: ['route/200/10.0.0.8'] }]);
    expect(drifts).toEqual([
      { key: 'route/200/10.0.0.1', before: route(1), after: undefined },
      { key: 'route/200/10.0.0.2', before: route(2), after: route(2, 9) },
      { key: 'route/200/10.0.0.8', before: undefined, after: route(8) },
    ]);
    await clock.advance(60_000);
    expect(driver.batches).toHaveLength(2);
  });

  it('makes whole what is there in part, and removes it when nobody wants it', async () => {
    const { driver, clock, sync, want } = given();
    driver.partial.set('route/200/10.0.0.1', 'no neighbour');
    driver.partial.set('peer/200/4', 'no fdb entry');
    await sync.start();
    want(route(1));
    await clock.advance(0);
    expect(driver.batches).toEqual([{ put: ['route/200/10.0.0.1'], remove: [] }]);
    driver.partial.clear();
    sync.allowRemovals();
    await clock.advance(0);
    expect(driver.batches.slice(1)).toEqual([{ put: [], remove: ['peer/200/4'] }]);
    await clock.advance(60_000);
    expect(driver.batches).toHaveLength(2);
  });

  it('is not misled by a read that is older than an apply', async () => {
    const { driver, clock, sync, want, unwant } = given();
    await sync.start();
    sync.allowRemovals();
    want(route(1));
    await clock.advance(0);
    const { open, passed } = gate();
    driver.readHold = passed;
    await clock.advance(31_000);
    // The read has taken its picture with route 1 and without route 2.
    want(route(2));
    unwant(route(1));
    await clock.advance(0);
    open();
    await clock.advance(0);
    expect([...driver.kernel.keys()]).toEqual(['route/200/10.0.0.2']);
    expect(sync.holds('route/200/10.0.0.2')).toBe(true);
    driver.readHold = Promise.resolve();
    await clock.advance(120_000);
    expect(driver.batches).toHaveLength(2);
  });

  it('writes nothing before the first read went well, and tries that again', async () => {
    const { driver, clock, sync, want } = given([route(1)]);
    driver.brokenRead = true;
    const started = sync.start();
    want(route(1), route(2));
    await clock.advance(1_000);
    expect(driver.batches).toEqual([]);
    expect(sync.readFault).toBe('no netlink');
    driver.brokenRead = false;
    await clock.advance(5_000);
    await started;
    await clock.advance(0);
    expect(sync.readFault).toBeUndefined();
    expect(driver.batches).toEqual([{ put: ['route/200/10.0.0.2'], remove: [] }]);
  });

  it('reads again soon after a read that failed, at growing pauses, and rarely once one goes well', async () => {
    const { driver, clock, sync } = given();
    await sync.start();
    driver.brokenRead = true;
    await clock.advance(30_000);
    expect([driver.reads, sync.readFault]).toEqual([2, 'no netlink']);
    await clock.advance(2_000);
    const tries = driver.reads;
    expect(tries).toBeGreaterThan(4);
    await clock.advance(2_000);
    expect(driver.reads - tries).toBeLessThan(3);
    driver.brokenRead = false;
    await clock.advance(5_000);
    expect(sync.readFault).toBeUndefined();
    const { reads } = driver;
    await clock.advance(20_000);
    expect(driver.reads).toBe(reads);
  });

  it('reads at once when it is asked to, also when a read is under way that may be of before', async () => {
    const { driver, clock, sync } = given();
    await sync.start();
    sync.resync();
    await clock.advance(1);
    expect(driver.reads).toBe(2);
    const { open, passed } = gate();
    driver.readHold = passed;
    sync.resync();
    await clock.advance(1);
    expect(driver.reads).toBe(3);
    sync.resync();
    await clock.advance(1);
    expect(driver.reads).toBe(3);
    open();
    await clock.advance(1);
    expect(driver.reads).toBe(4);
    await clock.advance(20_000);
    expect(driver.reads).toBe(4);
  });

  describe('has a lane for each network', () => {
    const router = (vni: number): KernelObject => ({ kind: 'router', vni, position: '1' });
    const port = (nic: string, vni: number, netns = `guest-${nic}`): KernelObject => {
      return { kind: 'port', vni, nic, mac: '', ips: [], netns, position: '1', up: true };
    };
    const wire = (vni: number, to: number): KernelObject => {
      return { kind: 'entry', scope: `r${vni}`, section: 'wires', key: `${to}`, value: '', position: '1', owner: '' };
    };
    /** One whose writes wait at gates, by what they put or remove first. */
    function givenHeld(...inKernel: KernelObject[]) {
      const all = given(inKernel);
      const held: { keys: string[]; open: () => void }[] = [];
      const apply = all.driver.apply.bind(all.driver);
      all.driver.apply = async (change) => {
        const { open, passed } = gate();
        held.push({ keys: [...change.put, ...change.remove].map(keyOf), open });
        await passed;
        return apply(change);
      };
      const underWay = () => held.map(({ keys }) => keys.join(' ')).sort();
      const open = async (at: string): Promise<void> => {
        const [found] = held.splice(
          held.findIndex(({ keys }) => keys[0] === at),
          1,
        );
        found?.open();
        await all.clock.advance(0);
      };
      return { ...all, underWay, open };
    }

    it('so that none waits for what another one has to write, nor for its answer', async () => {
      const { sync, want, clock, underWay, open } = givenHeld();
      await sync.start();
      sync.allowRemovals();
      want(...Array.from({ length: 200 }, (_, n) => route(n)));
      await clock.advance(0);
      want(router(300));
      await clock.advance(0);
      expect(underWay()).toContain('router/300');
      await open('router/300');
      want(route(250), port('a', 300));
      await clock.advance(0);
      expect([sync.holds('router/300'), sync.isAnswered('r200'), sync.isAnswered()]).toEqual([true, false, false]);
      expect(underWay().length).toBe(2);
      expect(underWay()).toContain('port/a');
      await open('port/a');
      expect([sync.isAnswered('r300'), sync.isAnswered('r200')]).toEqual([true, false]);
      await open('route/200/10.0.0.0');
      expect(underWay()).toEqual(['route/200/10.0.0.250']);
      await open('route/200/10.0.0.250');
      expect(sync.isAnswered()).toBe(true);
    });

    it('and many routes of a network go in pieces, behind which nothing else of it waits', async () => {
      const { sync, want, unwant, clock, driver } = given();
      await sync.start();
      sync.allowRemovals();
      const peer = (hostIndex: number): KernelObject => ({
        kind: 'peer',
        vni: 200,
        hostIndex,
        underlay: `fd00::${hostIndex}`,
        position: '1',
      });
      const many = (hostIndex: number): KernelObject[] =>
        Array.from({ length: 10_000 }, (_, n) => ({ ...route(n, hostIndex), address: `10.1.${n >> 8}.${n & 255}` }));
      want(router(200), peer(2), ...many(2));
      await clock.advance(0);
      expect(driver.batches.map(({ put }) => put.length)).toEqual([4_096 + 2, 4_096, 10_000 - 2 * 4_096]);
      driver.batches.splice(0);
      const { open, passed } = gate();
      driver.hold = passed;
      want(peer(3), ...many(3));
      unwant(peer(2));
      await clock.advance(0);
      want(port('a', 200));
      open();
      await clock.advance(0);
      expect(driver.batches.map(({ put, remove }) => [put.includes('peer/200/3'), put.includes('port/a'), remove])).toEqual([
        [true, false, []],
        [false, true, []],
        [false, false, ['peer/200/2']],
      ]);
      expect(sync.isAnswered()).toBe(true);
      driver.batches.splice(0);
      unwant(router(200), peer(3), port('a', 200), ...many(3));
      await clock.advance(0);
      expect(driver.batches.map(({ remove }) => remove.length)).toEqual([10_000 + 3]);
    });

    it('and what networks share goes together: a wire, a port that moves, a guest that another port takes', async () => {
      const { sync, want, unwant, clock, underWay, open } = givenHeld(port('moves', 200), port('leaves', 300, 'guest'));
      await sync.start();
      want(port('moves', 200), port('leaves', 300, 'guest'));
      sync.allowRemovals();
      await clock.advance(0);
      want(router(400), router(500), wire(400, 500), wire(500, 400));
      unwant(port('leaves', 300, 'guest'));
      want(port('comes', 600, 'guest'), port('moves', 700), router(700));
      await clock.advance(0);
      expect(underWay()).toEqual([
        'port/comes port/leaves',
        'port/moves router/700',
        'router/500 entry/r500/wires/400 router/400 entry/r400/wires/500',
      ]);
      want(router(200)); // The port that moves may still be there.
      await clock.advance(0);
      expect(underWay().length).toBe(3);
      await open('port/moves');
      expect(underWay()).toContain('router/200');
    });

    it('of which 16 are written at once, and those that were served come last', async () => {
      const { sync, want, clock, underWay, open } = givenHeld();
      await sync.start();
      want(...Array.from({ length: 17 }, (_, n) => router(200 + n)));
      await clock.advance(0);
      expect([underWay().length, underWay().includes('router/216')]).toEqual([16, false]);
      want(port('a', 200));
      await open('router/200');
      expect([underWay().length, underWay().includes('router/216')]).toEqual([16, true]);
    });
  });

  it('waits for a running apply when it stops, writes no more, and leaves the kernel as it is', async () => {
    const { driver, clock, sync, want } = given();
    await sync.start();
    const { open, passed } = gate();
    driver.hold = passed;
    want(route(1));
    await clock.advance(0);
    let stopped = false;
    const stopping = sync.stop().then(() => (stopped = true));
    want(route(2));
    await clock.advance(0);
    expect(stopped).toBe(false);
    open();
    await stopping;
    await clock.advance(60_000);
    expect(driver.batches).toHaveLength(1);
    expect(driver.kernel.size).toBe(1);
    expect(driver.reads).toBe(1);
  });

  it('stops within its limit when the kernel does not answer', async () => {
    const { driver, clock, sync, want } = given();
    await sync.start();
    driver.hold = new Promise(() => {});
    want(route(1));
    await clock.advance(0);
    const stopping = sync.stop();
    await clock.advance(5_000);
    await stopping;
  });
});
