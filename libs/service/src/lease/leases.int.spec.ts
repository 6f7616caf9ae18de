import { type Clock, systemClock } from '@weft/api';
import { createMemoryBus, createMemoryHub, subjects } from '@weft/bus';
import { VirtualClock } from '@weft/testing/virtual-clock';
import { until } from '@weft/testing/waiting';
import { quietLog } from '../testing/runtime.ts';
import { type Lease, type LeaseHolder, Leases } from './leases.ts';

/** A clock whose time can be stopped while its timers still run. */
function heldClock(): Clock & { hold(): void; goOn(): void } {
  let heldAtMs: number | undefined;
  let lostMs = 0;
  const monotonicMs = () => heldAtMs ?? systemClock.monotonicMs() - lostMs;
  return {
    ...systemClock,
    monotonicMs,
    hold: () => {
      heldAtMs = monotonicMs();
    },
    goOn: () => {
      lostMs = systemClock.monotonicMs() - monotonicMs();
      heldAtMs = undefined;
    },
  };
}

describe('Leases', () => {
  const started: Leases[] = [];
  let clock: ReturnType<typeof heldClock>;
  beforeEach(() => {
    clock = heldClock();
  });
  afterEach(async () => {
    for (const leases of started.splice(0)) await leases.stop();
  });
  async function start(bus: ReturnType<typeof createMemoryBus>, replica: string): Promise<Leases> {
    const leases = new Leases({ context: 'network', replica, bus, clock, log: quietLog() });
    started.push(leases);
    await leases.start();
    return leases;
  }

  it('serves without waiting when nobody else is there', async () => {
    clock.hold();
    const leases = await start(createMemoryBus(), 'one');
    await until('all partitions', () => leases.partitions.length === 64);
    expect(leases.isValid(0)).toBe(true);
    expect(leases.problems()).toEqual([]);
  });

  it('hands over at a clean stop without waiting, and after a while when a replica falls silent', async () => {
    const hub = createMemoryHub();
    const [busOne, busTwo, busThree] = [hub.connect(), hub.connect(), hub.connect()];
    const one = await start(busOne, 'one');
    await until('one has all', () => one.partitions.length === 64);
    const two = await start(busTwo, 'two');
    const three = await start(busThree, 'three');
    const all = (...leases: Leases[]) =>
      leases.reduce((sum, each) => sum + each.partitions.length, 0) === 64 && leases.every((each) => each.partitions.length > 5);
    await until('three share', () => all(one, two, three));
    clock.hold();
    await one.stop();
    await until('two share', () => all(two, three));
    clock.goOn();
    await busTwo.close(); // As if its process had died.
    await until('one is left', () => three.partitions.length === 64);
  });

  describe('with a clock that the test moves', () => {
    /** Notes what it is called for. */
    function recorder() {
      const calls: string[] = [];
      const leases = new Map<number, Lease>();
      const holder: LeaseHolder = {
        acquired: (slot, lease) => {
          calls.push(`acquired ${slot}`);
          leases.set(slot, lease);
        },
        release: async (slot) => void calls.push(`released ${slot}`),
        lost: (slot) => calls.push(`lost ${slot}`),
      };
      return { calls, leases, holder };
    }

    async function seek(replica: string, bus: ReturnType<typeof createMemoryBus>, time: VirtualClock, alone = false) {
      const leases = new Leases({ context: 'network', replica, bus, clock: time, log: quietLog(), alone });
      const { holder, calls, leases: given } = recorder();
      leases.add(holder);
      started.push(leases);
      await leases.start();
      return { leases, calls, given };
    }
    // Its timers are the test's, and nobody moves them any more.
    afterEach(() => started.splice(0));

    it('keeps what it holds while the bus is away, answers nothing from memory, and goes on when announcements come back', async () => {
      const time = new VirtualClock();
      const hub = createMemoryHub({ clock: time });
      const { leases, calls, given } = await seek('one', hub.connect(), time);
      await time.advance(500);
      expect(leases.partitions).toHaveLength(64);
      const before = [...calls];
      hub.goDown();
      await time.advance(1_300);
      expect([leases.isValid(0), given.get(0)?.isValid(), leases.isSuspended, leases.problems()]).toEqual([false, false, true, []]);
      await time.advance(60_000);
      expect(leases.problems()).toEqual(['leases of network are suspended for 60 s: no announcement comes back']);
      hub.comeUp();
      await time.advance(2_500);
      expect([leases.isValid(0), given.get(0)?.isValid(), leases.isSuspended, leases.problems()]).toEqual([true, true, false, []]);
      expect(calls).toEqual(before);
    });

    it('tells who holds what, also before it seeks anything itself', async () => {
      const time = new VirtualClock();
      const hub = createMemoryHub({ clock: time });
      await seek('one', hub.connect(), time);
      const waiting = new Leases({ context: 'network', replica: 'two', bus: hub.connect(), clock: time, log: quietLog() });
      started.push(waiting);
      await waiting.listen();
      expect(waiting.othersHoldAll).toBe(false);
      await time.advance(1_000);
      expect(waiting.othersHoldAll).toBe(true);
      expect(waiting.held).toEqual([
        { replica: 'two', partitions: 0, loops: false, rows: false },
        { replica: 'one', partitions: 64, loops: true, rows: true },
      ]);
      hub.goDown();
      await time.advance(2_500);
      expect(waiting.othersHoldAll).toBe(false);
    });

    it('gives a lease for each holding: one that was given up never counts again', async () => {
      const time = new VirtualClock();
      const hub = createMemoryHub({ clock: time });
      const one = await seek('one', hub.connect(), time);
      await time.advance(500);
      const first = new Map(one.given);
      const two = await seek('two', hub.connect(), time);
      await time.advance(3_000);
      const moved = two.leases.partitions[0] as number;
      expect([first.get(moved)?.isValid(), two.given.get(moved)?.isValid()]).toEqual([false, true]);
      await Promise.all([two.leases.stop(), time.advance(1_000)]);
      expect(one.leases.partitions).toHaveLength(64);
      expect([first.get(moved)?.isValid(), one.given.get(moved)?.isValid()]).toEqual([false, true]);
    });

    it('says nothing while its process is alone on store and bus, also when that stands still, and shares when another one comes all the same', async () => {
      const time = new VirtualClock();
      const hub = createMemoryHub({ clock: time });
      const said: string[] = [];
      hub.connect().subscribe(subjects.lease('network', 'announce'), ({ data }) => said.push(new TextDecoder().decode(data)));
      const one = await seek('one', hub.connect(), time, true);
      expect(one.leases.partitions).toHaveLength(64);
      expect(time.nextDueMs).toBeUndefined();
      await time.advance(3_600_000);
      hub.goDown();
      hub.comeUp();
      await time.advance(1_000);
      expect([said, one.leases.isValid(0), one.leases.problems()]).toEqual([[], true, []]);
      const two = await seek('two', hub.connect(), time);
      await time.advance(3_000);
      expect(one.leases.partitions.length + two.leases.partitions.length).toBe(64);
      expect(two.leases.partitions.length).toBeGreaterThan(10);
      expect(one.calls.filter((call) => call.startsWith('lost'))).toEqual([]);
    });
  });
});
